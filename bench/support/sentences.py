"""Short sentences of the kind said in a call, English and Chinese: many from few patterns, always the same ones."""

from __future__ import annotations

import itertools
import random
import re

ENGLISH = """
What is the weather like in {city}? | How far is it from {city} to {other_city}? | Tell me something about {topic}.
Can you explain {topic} to a child? | Why do people like {animal}s so much?
I would like to learn more about {topic}. | Please remind me to call {person} tomorrow.
{person} is coming to visit us on {day}. | What should I cook with {food}?
I bought some {food} at the market this morning. | Do you think {person} will be late?
The {animal} slept on the {thing}. | Where did you put the {thing}? | My {thing} is broken again.
How do I clean an old {thing}? | Wait a moment, please. | Could you speak a little more slowly?
That is not what I meant. | Sorry, I didn't understand you. | Thank you very much.
Let's meet at the {place} after work. | Is the {place} open on {day}?
There is a {adjective} {place} near my house. | I have never been to {city}. | We are going to {city} on {day}.
How long does the train to {city} take? | Which is bigger, {city} or {other_city}?
What do you call a baby {animal}? | A {animal} ran across the road in front of us.
She gave me a {adjective} {thing} for my birthday. | Write a short poem about a {adjective} {animal}.
What a {adjective} day! | Draw me a {adjective} {animal} under a tree. | It was too {adjective} to sleep.
Translate good morning into {language}. | How many people speak {language}?
He wants to learn {language} before the summer. | I have been studying {language} for years.
What is the difference between {food} and {other_food}? | I prefer {food} to {other_food}.
Put the {food} in the kitchen. | Have you read the book that {person} recommended?
{person} told me a {adjective} story. | Turn off the light, please. | My sister works at a {place} in {city}.
What time does the {place} close? | He forgot his {thing} at the {place}. | Could you help me find my {thing}?
The {thing} is too heavy for me. | I don't know what to say to {person}. | What did {person} say about the {thing}?
Yes, that sounds good. | No, not yet. | Maybe we should try again later. | Tell me a joke about a {animal}.
Is it true that {animal}s can swim? | Give me three reasons to visit {city}. | What is the best way to cook {food}?
Who invented the {invention}? | When was the {invention} invented? | How does a {invention} work?
Show me how to repair a {invention}. | The {invention} stopped working last night. | I need a present for {person}.
Please write a letter to {person}. | It rained all week in {city}. | I think the {adjective} one is better.
Is there anything else I should know? | Let me think about it until {day}. | We had {food} for dinner on {day}.
The children are playing near the {place}. | Say that again, please.
"""
CHINESE = """
{city}今天天气怎么样？|从{city}到{other_city}有多远？|请给我讲讲{topic}。|你能简单解释一下{topic}吗？|为什么人们喜欢{animal}？|我想多了解一些{topic}的知识。
请提醒我明天给{person}打电话。|{person}{day}要来我们家做客。|{food}怎么做才好吃？|今天早上我在市场买了一些{food}。|你觉得{person}会迟到吗？
{animal}在{thing}旁边睡着了。|你把{thing}放在哪里了？|我的{thing}又坏了。|旧的{thing}怎么清洗？|请稍等一下。|你能说慢一点吗？|我不是这个意思。|对不起，我没听懂。
非常感谢你的帮助。|下班以后我们在{place}见面吧。|{place}{day}开门吗？|我家附近有一个{adjective}的{place}。|我从来没有去过{city}。|我们{day}打算去{city}旅游。
坐火车到{city}要多长时间？|{city}和{other_city}哪个更大？|一只{animal}从我们面前跑过去了。|她送给我一个{adjective}的{thing}。|请写一首关于{animal}的短诗。
今天真是太热了。|请画一只{adjective}的{animal}。|昨天晚上太吵了，我没睡好。|早上好用{language}怎么说？|有多少人会说{language}？|他想在夏天以前学会{language}。
我学{language}已经很多年了。|{food}和{other_food}有什么区别？|比起{other_food}，我更喜欢{food}。|请把{food}放到厨房里。|你读过{person}推荐的那本书吗？
{person}给我讲了一个{adjective}的故事。|请把灯关掉。|我姐姐在{city}的一家{place}工作。|{place}几点关门？|他把{thing}忘在{place}了。
你能帮我找一下{thing}吗？|这个{thing}太重了，我拿不动。|我不知道该对{person}说什么。|{person}是怎么说的？|好的，没问题。|还没有，再等等。|也许我们应该以后再试试。
给我讲一个关于{animal}的笑话。|{animal}真的会游泳吗？|请说出三个去{city}的理由。|{invention}是谁发明的？|{invention}是什么时候发明的？|{invention}是怎么工作的？
请教我怎么修理{invention}。|{invention}昨天晚上突然不动了。|我想给{person}买一件礼物。|请帮我给{person}写一封信。|{city}下了一个星期的雨。
我觉得那个{adjective}的更好。|还有什么我应该知道的吗？|我想考虑到{day}再决定。|我们{day}晚饭吃了{food}。|孩子们在{place}旁边玩。|请再说一遍。|这件事我早就知道了。
你们那里现在几点了？
"""
WORDS = {
    "en": {
        "city": "London, Paris, Boston, Tokyo, Chicago, Berlin, Madrid, Sydney, Rome, Toronto",
        "topic": "volcanoes, the moon, ancient Egypt, jazz music, the ocean, black holes, honey bees, the Roman army",
        "animal": "cat, dog, rabbit, monkey, horse, tiger, penguin, elephant, spider",
        "person": "Mary, my brother, Peter, the teacher, Doctor Brown, Anna, my grandmother, our neighbor",
        "day": "Monday, Tuesday, Friday, Saturday, Sunday",
        "food": "rice, mushrooms, potatoes, chicken, noodles, cheese, tomatoes, bread",
        "thing": "umbrella, blanket, bicycle, suitcase, keyboard, jacket, lamp, sofa, guitar",
        "place": "library, station, hospital, museum, restaurant, swimming pool, bakery, post office",
        "adjective": "beautiful, strange, cold, funny, green, quiet, very small, wonderful",
        "language": "German, Spanish, Japanese, Chinese, Italian, French",
        "invention": "telephone, washing machine, airplane, microscope, printer, radio",
    },
    "zh": {
        "city": "北京，上海，广州，成都，杭州，西安，南京，重庆，香港，苏州",
        "topic": "火山，月亮，古代历史，传统音乐，海洋，人工智能，中国茶，长城",
        "animal": "猫，小狗，兔子，猴子，老虎，大象，企鹅，松鼠",
        "person": "妈妈，小王，李老师，我弟弟，张医生，奶奶，我的同事，邻居",
        "day": "星期一，星期二，星期五，周末，星期天",
        "food": "米饭，蘑菇，土豆，鸡肉，面条，豆腐，西红柿，饺子",
        "thing": "雨伞，毯子，自行车，箱子，键盘，手机，台灯，沙发",
        "place": "图书馆，火车站，医院，博物馆，饭店，游泳池，超市，邮局",
        "adjective": "漂亮，奇怪，可爱，有趣，安静，特别，普通，很大",
        "language": "英语，法语，日语，德语，西班牙语，俄语",
        "invention": "电话，洗衣机，飞机，显微镜，打印机，收音机",
    },
}


def sentences(language: str, count: int) -> list[str]:
    """``count`` different sentences in ``en`` or ``zh``; the first ones of a longer list are those of a shorter one."""
    patterns = [one.strip() for one in re.split(r"[|\n]", ENGLISH if language == "en" else CHINESE) if one.strip()]
    words = {slot: re.split(r"[,，] ?", all) for slot, all in WORDS[language].items()}
    chance = random.Random(7)
    said: list[str] = []
    for pattern in itertools.islice(itertools.cycle(patterns), 50 * count):
        chosen = {slot: chance.choice(choice) for slot, choice in words.items()}
        for slot in ("city", "food"):
            chosen[f"other_{slot}"] = chance.choice([word for word in words[slot] if word != chosen[slot]])
        sentence = pattern.format(**chosen)
        sentence = sentence[0].upper() + sentence[1:]
        if sentence not in said:
            said.append(sentence)
        if len(said) == count:
            return said
    raise ValueError(f"there are {len(said)} sentences only")
