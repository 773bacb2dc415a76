"""The report's own words, in each language."""

from dataclasses import dataclass
from typing import Literal

from penstock_contracts.dataset import ColumnType

Locale = Literal["zh", "en"]


@dataclass(frozen=True)
class Texts:
    """One language. `language` and `region` are what BCP 47 calls it; braces are filled in."""

    language: str
    region: str
    tag: str
    report: str
    made: str
    page: str
    rows: str
    columns: str
    missing: str
    name: str
    type: str
    values: str
    share_missing: str
    overview: str
    overview_note: str
    details: str
    only_the_first: str
    types: dict[ColumnType, str]
    units: dict[str, str]
    smallest: str
    largest: str
    mean: str
    median: str
    middle_half: str
    deviation: str
    distinct: str
    earliest: str
    latest: str
    span: str
    days: str
    longest: str
    characters: str
    most_frequent: str
    unread: str
    per_interval: str
    per_number: str
    per_unit: str
    frequent: str
    frequent_of: str
    all_equal: str
    all_different: str
    no_values: str
    too_close: str
    in_utc: str
    between: str
    list_mark: str
    separator: str
    columns_of_type: str


EN = Texts(
    language="en",
    region="GB",
    tag="en",
    report="Dataset report",
    made="Made {time} UTC",
    page="Page {page} of {pages}",
    rows="Rows",
    columns="Columns",
    missing="Missing values",
    name="Column",
    type="Type",
    values="Values",
    share_missing="Share missing",
    overview="Columns at a glance",
    overview_note="Counts are numbers of rows.",
    details="Column by column",
    only_the_first="The first {shown} of {all} columns are described.",
    types={
        "integer": "integer",
        "number": "number",
        "boolean": "yes/no",
        "date": "date",
        "datetime": "date and time",
        "text": "text",
        "empty": "empty",
    },
    units={
        "minute": "minute",
        "hour": "hour",
        "day": "day",
        "week": "week",
        "month": "month",
        "quarter": "quarter",
        "year": "year",
        "decade": "decade",
        "century": "century",
        "millennium": "millennium",
    },
    smallest="Smallest",
    largest="Largest",
    mean="Mean",
    median="Median",
    middle_half="Middle half",
    deviation="Standard deviation",
    distinct="Different values",
    earliest="Earliest",
    latest="Latest",
    span="Span",
    days="{days} days",
    longest="Longest",
    characters="{count} characters",
    most_frequent="Most frequent",
    unread="Not shown",
    per_interval="Rows per interval of {step}",
    per_number="Rows per number",
    per_unit="Rows per {unit}",
    frequent="All {shown} values and the rows of each",
    frequent_of="The {shown} most frequent of {all} values; others: {rest} rows ({share})",
    all_equal="Every value is the same.",
    all_different="Every value is different, such as {examples}",
    no_values="No row has a value here.",
    too_close="The values lie too close together to be drawn.",
    in_utc="Times are in UTC.",
    between="{low} to {high}",
    list_mark="; ",
    separator=", ",
    columns_of_type="{count} {type}",
)

ZH = Texts(
    language="zh",
    region="CN",
    tag="zh-Hans",
    report="数据集报告",
    made="生成时间：{time}（UTC）",
    page="第 {page} 页，共 {pages} 页",
    rows="行数",
    columns="列数",
    missing="缺失值",
    name="列名",
    type="类型",
    values="有值",
    share_missing="缺失率",
    overview="各列概览",
    overview_note="数量单位：行。",
    details="逐列说明",
    only_the_first="仅说明全部 {all} 列中的前 {shown} 列。",
    types={
        "integer": "整数",
        "number": "数值",
        "boolean": "是/否",
        "date": "日期",
        "datetime": "日期时间",
        "text": "文本",
        "empty": "空",
    },
    units={
        "minute": "每分钟",
        "hour": "每小时",
        "day": "每日",
        "week": "每周",
        "month": "每月",
        "quarter": "每季度",
        "year": "每年",
        "decade": "每十年",
        "century": "每百年",
        "millennium": "每千年",
    },
    smallest="最小值",
    largest="最大值",
    mean="平均值",
    median="中位数",
    middle_half="中间 50%",
    deviation="标准差",
    distinct="不同的值",
    earliest="最早",
    latest="最晚",
    span="跨度",
    days="{days} 天",
    longest="最长",
    characters="{count} 个字符",
    most_frequent="最常见",
    unread="未计入",
    per_interval="每个区间（宽度 {step}）的行数",
    per_number="每个数的行数",
    per_unit="{unit}的行数",
    frequent="全部 {shown} 个值及其行数",
    frequent_of="{all} 个值中最常见的 {shown} 个；其余共 {rest} 行（{share}）",
    all_equal="所有值都相同。",
    all_different="所有值各不相同，例如 {examples}",
    no_values="该列没有任何值。",
    too_close="各值过于接近，无法绘图。",
    in_utc="时间均为 UTC。",
    between="{low} 至 {high}",
    list_mark="；",
    separator="、",
    columns_of_type="{type} {count}",
)

TEXTS: dict[Locale, Texts] = {"zh": ZH, "en": EN}
