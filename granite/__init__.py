"""The rooms behind predict.py, from the top down; a file imports from its own room or from one below.

openai_api   the OpenAI API's routes, on the engine that answers Cog
cli          the commands behind script/
serving      how an answer travels to Cog, is canceled, logged and counted; how a server lives and ends
engine       how vLLM is started and spoken to; nothing else imports it
output       what an answer looks like
model        which files are loaded, and whether they are whole
request      what a request asks for, and whether it is right
"""
