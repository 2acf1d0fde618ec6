"""Chinese names for people who do not exist, from lists of our own."""

import random

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚"
    "卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严武戴莫孔向汤"
)
COMPOUND_SURNAMES = ("欧阳", "上官", "司马", "诸葛", "慕容")
SYLLABLES = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅鑫宇浩然子轩雨欣怡梓涵思远嘉琪俊博文昊天佳慧"
    "晨曦雪琳志鹏建国海燕晓东春生凯瑞彤语嫣若诗瑶一诺泽安可馨睿哲奕辰书瑜望舒清越"
)


def name(rng: random.Random, *, surname: str = "") -> str:
    """A surname and one or two syllables, as three of four Chinese names have."""
    surname = surname or _surname(rng)
    return surname + "".join(rng.sample(SYLLABLES, 1 if rng.random() < 0.22 else 2))


def surname_of(full: str) -> str:
    return full[:2] if full[:2] in COMPOUND_SURNAMES else full[:1]


def _surname(rng: random.Random) -> str:
    return rng.choice(COMPOUND_SURNAMES) if rng.random() < 0.01 else rng.choice(SURNAMES)
