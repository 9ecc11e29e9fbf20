"""What a caller is told: a standard's code, what and why, and the one command that helps.

Callers match ``code``, never text. Never carries a secret.
"""

from __future__ import annotations


class DagpassError(Exception):
    """The agent refused, or did not answer as it should.

    ``status`` is the HTTP status of the agent's own answer, 0 where there was none.
    """

    def __init__(
        self,
        code: str,
        description: str,
        *,
        cause: str | None = None,
        hint: str | None = None,
        status: int = 0,
    ) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.cause = cause
        self.hint = hint
        self.status = status

    def __str__(self) -> str:
        text = f"dagpass: {self.description}"
        if self.cause:
            text += f" ({self.cause})"
        if self.hint:
            text += f"; {self.hint}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        # Airflow pickles what a task raised; keyword-only arguments need to be named again.
        return (_rebuild, (type(self), self.__dict__.copy()))


class ApprovalPending(DagpassError):
    """A person was asked and has not answered within the caller's time: the same question, asked again
    (a task's retry), meets the answer.

    ``approval`` names what is asked, for ``dagpass approve``.
    """

    approval: str | None = None


class AgentAway(DagpassError):
    """Nothing listens where the agent should be. We never start one."""

    def __init__(self, cause: str | None = None) -> None:
        super().__init__(
            "agent_away",
            "the agent is not running",
            cause=cause,
            hint="run `dagpass agent start`",
        )


def _rebuild(kind: type[DagpassError], state: dict[str, object]) -> DagpassError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state["code"], state["description"])
    return error
