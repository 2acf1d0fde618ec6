"""The preview of a whole school: how long it takes, students and their guardians over every channel.

Three of five are students of classes of 40, the others guardians of the first of them; everybody has an e-mail address
and a mobile number, one in three a device, one address in a hundred is on the suppression list.
"""

import statistics

from tests.services.stack import Stack

CLASS_SIZE = 40
ENROL = (
    "INSERT INTO directory_person (id, name, kind, state, number, cohort, born_on) "
    "SELECT seq, CONCAT('学生', seq), 'student', 'active', CONCAT('S', seq), 2024 + seq % 3, '2008-01-01' "
    "FROM seq_1_to_{students}",
    "INSERT INTO directory_person (id, name, kind, state) "
    "SELECT {students} + seq, CONCAT('家长', seq), 'guardian', 'active' FROM seq_1_to_{guardians}",
    "INSERT INTO directory_relation (person_id, kind, of_id, no_contact) "
    "SELECT {students} + seq, 'guardian', seq, 0 FROM seq_1_to_{guardians}",
    "INSERT INTO directory_orgunit (id, name, kind, parent_id) SELECT 1, '示例学校', 'school', NULL",
    "INSERT INTO directory_orgunit (id, name, kind, parent_id) "
    "SELECT 1 + seq, CONCAT('班', seq), 'class', 1 FROM seq_1_to_{classes}",
    "INSERT INTO directory_membership (person_id, unit_id) SELECT seq, 2 + seq % {classes} FROM seq_1_to_{students}",
    "INSERT INTO directory_contactpoint (person_id, kind, value, source, created_at) "
    "SELECT seq, 'email', CONCAT('s', seq, '@stu.school.example'), 'roster', UTC_TIMESTAMP(6) FROM seq_1_to_{people}",
    "INSERT INTO directory_contactpoint (person_id, kind, value, source, created_at) "
    "SELECT seq, 'mobile', CONCAT('+861990', LPAD(seq, 7, '0')), 'roster', UTC_TIMESTAMP(6) FROM seq_1_to_{people}",
    "INSERT INTO directory_contactpoint (person_id, kind, value, source, created_at) "
    "SELECT seq, 'device', CONCAT('device-', seq), 'owner', UTC_TIMESTAMP(6) FROM seq_1_to_{people} WHERE seq % 3 = 0",
    "INSERT INTO delivery_suppression (kind, value, reason, created_at) "
    "SELECT 'email', CONCAT('s', seq, '@stu.school.example'), 'dead_address', UTC_TIMESTAMP(6) "
    "FROM seq_1_to_{people} WHERE seq % 100 = 0",
    "ANALYZE TABLE directory_person, directory_relation, directory_orgunit, directory_membership, "
    "directory_contactpoint, delivery_suppression",
)
#: In a process of msgcenter, as a request would be; the first time is not counted.
PREVIEW = """
    import time
    from apps.delivery import preview
    from apps.messaging.drafts import Rule
    rules, taken = (Rule(unit=OrgUnit.objects.get(pk=1), reach="both"),), []
    for _ in range(1 + {rounds}):
        started = time.perf_counter()
        said = preview.of_rules(rules, (), channels=Channel.objects.all())
        taken.append(time.perf_counter() - started)
    assert said.count == {people}, said.count
    print(json.dumps(taken[1:]))
"""


def seconds(stack: Stack, people: int, *, rounds: int) -> float:
    """The median of `rounds` previews, in an empty stack that is filled first."""
    students = people * 3 // 5
    numbers = {"people": people, "students": students, "guardians": people - students}
    for statement in ENROL:
        stack.rows(statement.format(**numbers, classes=max(1, students // CLASS_SIZE)))
    return statistics.median(stack.shell(PREVIEW.format(people=people, rounds=rounds)))
