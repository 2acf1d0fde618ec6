"""The raw limit of SMS: the HTTP call alone, from threads with a kept session each. A child of `Driver`."""

import sys
import threading

import requests

from benchmarks import content, driver

#: Seconds to connect and to wait for an answer.
TIMEOUT = (5, 20)


def send(session: requests.Session, url: str, numbers: range) -> None:
    for number in numbers:
        form = {"To": content.mobile(number), "From": "+15005550006", "Body": content.SMS}
        session.post(url, data=form, auth=("AC", "token"), timeout=TIMEOUT).raise_for_status()


def send_all(sessions: list[requests.Session], url: str, count: int) -> None:
    threads = [
        threading.Thread(target=send, args=(session, url, range(start, count, len(sessions))))
        for start, session in enumerate(sessions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    url, threads = sys.argv[1], int(sys.argv[2])
    sessions = [requests.Session() for _ in range(threads)]
    for session in sessions:
        # Otherwise it looks for proxies and .netrc at every call.
        session.trust_env = False
    driver.obey(lambda count: send_all(sessions, url, count))


if __name__ == "__main__":
    main()
