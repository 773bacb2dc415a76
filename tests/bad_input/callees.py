"""Webhooks to where no webhook may go: the same few places in the spellings that get past a careless check."""

from bad_input.rows import MARK, Row, a_job, post

THIS_MACHINE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:5432/",
    "http://127.8.8.8/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://%31%32%37.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://api.localhost/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://127.0.0.1\\@example.com/",
    "http:127.0.0.1/",
    "http:////127.0.0.1/",
    "http://127.0.0.1\t/",
    "http://127.\n0.0.1/",
]
NEIGHBOURS = [
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://0xc0a80101/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://255.255.255.255/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://192.0.2.1/",
    "http://[fc00::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[2002:a00:1::]/",
]
METADATA_SERVERS = [
    "http://169.254.169.254/latest/meta-data/",
    "http://0251.0376.0251.0376/",
    "http://2852039166/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[fd00:ec2::254]/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
]
NO_HTTP = [
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://example.com/",
    "javascript:alert(1)",
    "//example.com/",
    "http://",
    "http:///",
    "http://256.256.256.256/",
    "http://example.com:99999/",
    "http://[::1/",
    "example.com/hook",
    "",
    MARK,
    f"https://user:{MARK}@example.com/",
    f"https://{MARK}@example.com/",
    f"https://example.com/{MARK * 200}",
]

ROWS = [
    Row(f"a webhook to {url[:60]!r}", post("/v1/jobs", a_job(webhook=url)), 422, "invalid")
    for url in (*THIS_MACHINE, *NEIGHBOURS, *METADATA_SERVERS, *NO_HTTP)
]
ROWS.append(
    Row(
        "a webhook to this machine among jobs",
        post("/v1/jobs/bulk", {"jobs": [a_job(), a_job(webhook="http://127.0.0.1/")]}),
        422,
        "invalid",
    )
)
