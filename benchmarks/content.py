"""The text every row sends, so that all of them hand over the same number of bytes."""

import email.message
import email.policy
import email.utils

SENDER = "office@school.example"
TITLE = "期末考试安排"
BODY = "各位同学：期末考试于下周一开始，请带好学生证，提前十五分钟到达考场，手机关机后放在讲台上。\n" * 6
#: Differs from person to person: two values out of the uploaded row, one out of the directory.
PERSONAL_BODY = f"((name))同学：你的考场是((room))，座位((seat))号。\n{BODY}"
SMS = "【学校】各位同学：因台风临近，今天下午停课，请留在宿舍，等待通知。"


def address(number: int) -> str:
    return f"s{number}@stu.school.example"


def mobile(number: int) -> str:
    return f"+86138{number:08}"


def prebuilt_mail() -> bytes:
    """With CRLF, as it goes over the wire; the same for all."""
    message = email.message.EmailMessage(policy=email.policy.SMTP.clone(cte_type="7bit"))
    message["From"] = SENDER
    message["To"] = address(0)
    message["Subject"] = TITLE
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = email.utils.make_msgid(domain="school.example")
    message.set_content(BODY)
    return message.as_bytes()
