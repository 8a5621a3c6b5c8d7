"""Counts by the best means there is: the provider, the model's vocabulary, and what reports have taught."""

from collections.abc import Callable, Mapping, Sequence

from ..adapters.logs import get_logger
from ..domain.counting.events import TokensReported
from ..domain.counting.measures.features import Features, features, total
from ..domain.counting.state import Expected
from ..domain.counting.worth import worth_a_row
from ..domain.errors import BursarError, InvalidModelId
from ..domain.ports import Message
from ..engine.engine import Engine
from ..providers import Directory, Target
from .counted import Counted, Provenance
from .exact import Exact
from .learning import Learning
from .remembered import Remembered
from .texts import SLICE, digest, slices, text_of, text_of_tools
from .turns import Turns

_log = get_logger("bursar.counting")

#: Texts of which is remembered what was counted in them: some 40 MB at most.
_REMEMBERED = 1 << 16
#: A paragraph of English: what is expected of it stands for how well a model is known.
_PARAGRAPH_TOKENS = 256
_PARAGRAPH = features("The session begins at nine, and all of the documents have to be checked before. " * 16)


class Counter:
    """Counts messages for the models of a directory, each text once.

    Never raises where a model cannot be asked or read, or is none of the directory's: a count says how it
    was made and what it may err.
    """

    def __init__(self, engine: Engine, directory: Directory) -> None:
        self._engine, self._directory = engine, directory
        self._learning = Learning(lambda: engine.state.counting)
        self._exact = Exact(lambda: engine.state, engine.clock.now)
        self._features: Remembered[bytes, Features] = Remembered(_REMEMBERED)

    async def count(self, model: str, messages: Sequence[Message]) -> list[Counted]:
        """The tokens of each message in the model's window, with what the template adds to it."""
        return await self._counts(model, [text_of(message) for message in messages], 1)

    async def count_tools(self, model: str, tools: Sequence[Mapping[str, object]]) -> Counted:
        """The tokens that descriptions of tools take in every prompt that has them."""
        return (await self._counts(model, [text_of_tools(tools)], 0))[0]

    def text_counter(self, model: str) -> Callable[[str], int]:
        """Counts short texts at once, rather too many tokens than too few, by what is known of it now."""
        target = self._target(model)
        if target and (local := self._exact.local(target)):
            return lambda text: sum(tokens for _, tokens in local.counting(text))
        return self._learning.estimator(target.id if target else model).at_most

    async def note(
        self,
        model: str,
        messages: Sequence[Message],
        prompt_tokens: int,
        tools: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """Learn from what a provider counted in a whole prompt, the template and cached tokens included.

        What was truncated must not be noted. Does nothing when the journal takes no more facts.
        """
        texts = [text_of(message) for message in messages]
        if tools:
            texts.append(text_of_tools(tools))
        fact = await self._report(model, texts, len(messages), prompt_tokens)
        if fact is None:
            return
        try:
            self._engine.submit(fact)
        except BursarError as problem:
            _log.info("what the provider counted was not noted", model=model, cause=str(problem))

    def provenance(self, model: str) -> Provenance:
        """How the model's tokens would be counted now, as far as that is known without reading a file."""
        target = self._target(model)
        name = target.id if target else model
        reports = len(self._engine.state.counting.reports.get(name, ()))
        if target and (by := self._exact.by(target)):
            expected = self._learning.template(name).around(_PARAGRAPH_TOKENS, 1)
            return Provenance(by, expected.error_per_mille, reports)
        expected = self._learning.estimator(name).expect(_PARAGRAPH, 1)
        return Provenance("estimate", expected.error_per_mille, reports)

    async def _counts(self, model: str, texts: Sequence[str], messages: int) -> list[Counted]:
        """Each text as so many messages: one, or none when no template stands around it."""
        target = self._target(model)
        exact = await self._exact.counts(target, texts) if target else None
        name = target.id if target else model
        if exact is not None:
            counts, by = exact
            template = self._learning.template(name)
            return [_counted(template.around(tokens, messages), by) for tokens in counts]
        estimator = self._learning.estimator(name)
        found = await self._features_of(texts)
        return [_counted(estimator.expect(each, messages), "estimate") for each in found]

    async def _report(
        self, model: str, texts: Sequence[str], messages: int, prompt_tokens: int
    ) -> TokensReported | None:
        """The fact, when it is worth a row."""
        target = self._target(model)
        name = target.id if target else model
        exact = await self._exact.counts(target, texts) if target else None
        found: Features = ()
        if exact is not None:
            tokens, known = sum(exact[0]), self._engine.state.counting.on_templates(name)
            expected = self._learning.template(name).around(tokens, messages)
        else:
            found, known = total(await self._features_of(texts)), self._engine.state.counting.on_texts(name)
            expected = self._learning.estimator(name).expect(found, messages)
            tokens = expected.tokens
        if not worth_a_row(known, expected, prompt_tokens):
            return None
        return TokensReported(
            model=name,
            features=found,
            messages=messages,
            estimated_tokens=tokens,
            reported_tokens=prompt_tokens,
        )

    async def _features_of(self, texts: Sequence[str]) -> list[Features]:
        turns = Turns(SLICE)
        return [await self._features_of_one(text, turns) for text in texts]

    async def _features_of_one(self, text: str, turns: Turns) -> Features:
        key = digest(text)
        found = self._features.get(key)
        if found is None:
            parts: list[Features] = []
            for part in slices(text):
                parts.append(features(part))
                await turns.after(len(part))
            found = parts[0] if len(parts) == 1 else total(parts)
            self._features.put(key, found)
        return found

    def _target(self, model: str) -> Target | None:
        try:
            return self._directory.find(model)
        except InvalidModelId:
            return None


def _counted(expected: Expected, by: str) -> Counted:
    return Counted(expected.tokens, by, expected.error_per_mille)
