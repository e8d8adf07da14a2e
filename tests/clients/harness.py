"""EleutherAI's evaluation harness: log likelihoods over completions, generated answers over chats."""

import json
import sys

import lm_eval
from lm_eval.tasks import TaskManager

url, request = sys.argv[1], json.loads(sys.argv[3])  # the key is in OPENAI_API_KEY, where the harness reads it
tasks = TaskManager(include_path="tests/clients", include_defaults=False)
print(
    json.dumps(
        {
            task: [
                [sample["doc"], sample["filtered_resps"]]
                for sample in lm_eval.simple_evaluate(
                    model=model,
                    model_args={"base_url": f"{url}/{route}", "model": request["model"], "max_retries": 1, **arguments},
                    tasks=[task],
                    task_manager=tasks,
                    apply_chat_template=task == "capitals_chat",
                    bootstrap_iters=0,
                )["samples"][task]
            ]
            for task, model, route, arguments in (
                ("capitals", "local-completions", "completions", {"tokenizer": request["weights"]}),
                ("capitals_chat", "local-chat-completions", "chat/completions", {}),
            )
        }
    )
)
