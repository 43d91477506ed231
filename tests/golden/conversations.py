"""Writes conversations.jsonl: records of the forms that tests/unit/data_forms.c reads, each with the ids of its prompt and of
its answer as the reference's processor has them (AutoProcessor.apply_chat_template with add_generation_prompt on all turns
but the answer; the answer is tokenised by itself, its end of turn appended), for tests/golden/models/qwen2_5_vl-b.

    python tests/golden/conversations.py >tests/golden/conversations.jsonl     # transformers 5.24, torch 2.15
"""
import json
import os

from PIL import Image
from transformers import AutoProcessor

here = os.path.dirname(os.path.abspath(__file__))
processor = AutoProcessor.from_pretrained(f"{here}/models/qwen2_5_vl-b")
picture = "p0_101x67_rgb.png"


def text(t):
    return {"type": "text", "text": t}


def image(path=picture):
    return {"type": "image", "image": path}


def turn(role, *content):
    return {"role": role, "content": content[0] if isinstance(content[0], str) else list(content)}


# (what is written to the file, the same conversation as the reference takes it)
talks = [
    [turn("user", "What is 3 + 4?"), turn("assistant", "7")],
    [turn("system", "Answer with a number."), turn("user", "Wie viele?\n"), turn("assistant", " drei "),
     turn("user", "Sicher? 数"), turn("assistant", "Ja.")],
    [turn("user", image(), text("\nWhat is it?")), turn("assistant", "A scene."), turn("user", text("And "), image(), text(" here?")),
     turn("assistant", "Another.\n")],
    [turn("system", ""), turn("user", "one"), turn("assistant", "<think>\nwhy\n</think>\n\ntwo"), turn("user", image(), image()),
     turn("assistant", "four")],
]


def marked(content):
    return content if isinstance(content, str) else "".join(p.get("text", "<image>") for p in content)


def pictures(talk):
    return [p["image"] for t in talk if not isinstance(t["content"], str) for p in t["content"] if p["type"] == "image"]


def forms(talk):
    """The conversation with parts, with marks and a list of pictures, and as from and value."""
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    flat = [{"role": t["role"], "content": marked(t["content"])} for t in talk]
    yield {"messages": talk}
    yield {"messages": flat, "images": pictures(talk)}
    yield {"conversations": [{"from": names[t["role"]], "value": t["content"]} for t in flat], "image": pictures(talk)}


for talk in talks:
    prompt = processor.apply_chat_template(talk[:-1], add_generation_prompt=True, tokenize=False)
    images = [Image.open(f"{here}/models/pictures/{p}").convert("RGB") for p in pictures(talk)]
    ids = processor(text=[prompt], images=images or None)["input_ids"][0]
    answer = processor.tokenizer(talk[-1]["content"] + "<|im_end|>")["input_ids"]
    for form in forms(talk):
        print(json.dumps({**form, "prompt_ids": list(map(int, ids)), "answer_ids": answer}, ensure_ascii=False))
