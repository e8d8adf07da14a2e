"""One tree of exceptions; every message is one or more whole sentences for the person at fault.

GraniteError
├── RequestError: the caller's; the prediction fails, nothing was generated
│   ├── InvalidInput
│   └── PromptTooLong
├── OperatorError: the operator's; setup or a command fails within seconds
│   ├── SettingsError
│   ├── WeightsError
│   └── AdapterError
└── EngineError: nobody's; the engine could not finish a request
    ├── EngineDied: the server is unhealthy from then on
    └── ServerStopped

A message holds names, numbers, bounds and the cure, never a prompt's text.
"""


class GraniteError(Exception):
    pass


class RequestError(GraniteError):
    pass


class InvalidInput(RequestError):
    pass


class PromptTooLong(RequestError):
    pass


class OperatorError(GraniteError):
    pass


class SettingsError(OperatorError):
    pass


class WeightsError(OperatorError):
    pass


class AdapterError(OperatorError):
    pass


class EngineError(GraniteError):
    pass


class EngineDied(EngineError):
    def __init__(self) -> None:
        super().__init__("The engine died while it ran this request: send it again once the server is back.")


class ServerStopped(EngineError):
    def __init__(self) -> None:
        super().__init__("The server had to stop before the answer was complete: send the request again.")
