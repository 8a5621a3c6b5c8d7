"""The JSON of the documents: what of it is read, in which units, and what is said of the rest."""

import json
from pathlib import Path

import pytest

from bursar.settings import Settings

from .support import refused

pytestmark = pytest.mark.usefixtures("folder")

#: What the documents show, as far as bursar has it.
DOCUMENT = {
    "limits": {"maxModelsLoaded": 3, "memoryThreshold": 0.8, "inactivityTimeout": 300000},
    "modelSizes": {"deepseek-r1:14b": 14000, "qwen2.5-coder": 7000},
}


def document(values: object) -> Path:
    """A file in the documents' shape."""
    path = Path("optimization.production.json")
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


def test_the_documents_json_is_read_in_its_own_units() -> None:
    assert Settings.load(document(DOCUMENT)) == Settings(
        limits={"max_models_loaded": 3, "memory_threshold": 0.8, "inactivity_timeout": "5m"},
        model_sizes={"deepseek-r1:14b": "14 GB", "qwen2.5-coder": "7 GB"},
    )


def test_the_documents_policy_for_models_is_read() -> None:
    policy = {"modelConstraints": {"maxSimultaneousModels": 2}, "unloadStrategy": "priority"}
    settings = Settings.load(document(policy))
    assert settings == Settings(limits={"max_models_loaded": 2}, eviction={"policy": "priority"})


def test_the_documents_limits_for_contexts_are_read() -> None:
    written = {
        "enableMemoryManagement": True,
        "enableContextFiltering": True,
        "buffers": {"context": {"max": 4000, "compressionThreshold": 0.8}},
        "memory": {"agentMemoryLimit": 256},
        "contextConfig": {"adaptiveReduction": True, "contextImportanceThreshold": 0.4},
        "compressionConfig": {"minRatio": 0.5},
    }
    assert Settings.load(document(written)) == Settings(
        context={
            "total": "4 GB",
            "compress_at": 0.8,
            "per_agent": "256 MB",
            "importance_threshold": 0.4,
        },
        compression={"ratio": 0.5},
    )


@pytest.mark.parametrize("name", ["patternReclamationStrategy", "PatternReclamationStrategy"])
def test_the_documents_policy_for_patterns_is_read(name: str) -> None:
    thresholds = {"maxSize": 32, "maxAge": 86_400_000, "minUsage": 3}
    settings = Settings.load(document({name: {"priority": "importance", "thresholds": thresholds}}))
    assert settings == Settings(
        patterns={"priority": "importance", "max_size": "32 MB", "max_age": "1d", "min_usage": 3}
    )


@pytest.mark.parametrize("name", ["contextReclamation", "ContextReclamation"])
def test_the_documents_rules_of_what_to_preserve_are_read(name: str) -> None:
    rules = {"activeContexts": False, "importantPatterns": False, "recentHistory": True}
    settings = Settings.load(document({name: {"preserveRules": rules, "maxContextAge": 3_600_000}}))
    assert settings == Settings(
        context={"preserve": {"active": False, "recent": True}, "max_age": "1h"},
        patterns={"preserve_important": False},
    )


def test_text_in_the_documents_json_has_its_own_unit() -> None:
    written = {"limits": {"inactivityTimeout": "90s"}, "modelSizes": {"a": "1 GiB", "b": 0.5}}
    settings = Settings.load(document(written))
    assert settings.limits.inactivity_timeout == 90
    assert settings.model_sizes == {"a": 1024**3, "b": 500_000}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            {"limits": {"maxModelsLoaded": 0}},
            "limits.maxModelsLoaded: is less than 1 (given: 0 in optimization.production.json).",
        ),
        ({"limits": {"inactivityTimeout": -5}}, "limits.inactivityTimeout: is negative (given: '-5 ms' in"),
        ({"modelSizes": {"a": -1}}, "modelSizes.a: is negative (given: '-1 MB' in"),
        ({"modelSizes": {"a": True}}, "modelSizes.a: is not a size (given: True in"),
        ({"modelSizes": 3}, "modelSizes: is not a table (given: 3 in"),
        ({"limits": [1]}, "limits: is not a table (given: [1] in"),
        ({"unloadStrategy": "random"}, "unloadStrategy: is none of the choices (given: 'random' in"),
        (
            {"limits": {"maxModelLoaded": 3}},
            (
                "limits.maxModelLoaded: is not a setting (given: 3 in optimization.production.json)."
                " Did you mean limits.maxModelsLoaded?"
            ),
        ),
        # Our own names belong into bursar.toml.
        ({"limits": {"max_models_loaded": 3}}, "limits.max_models_loaded: is not a setting (given: 3 in"),
        (
            {"buffers": {"context": {"initial": 2000}}},
            "buffers.context.initial: is for what bursar cannot do yet: buffers that are reserved ahead",
        ),
        (
            {"buffers": {"working": {"max": 2000}}},
            "buffers.working: is for what bursar cannot do yet: a limit on its own memory",
        ),
        (
            {"memory": {"alertThreshold": 80}},
            "memory.alertThreshold: is for what bursar cannot do yet: alerts (given: 80 in",
        ),
        (
            {"compressionConfig": {"adaptiveThreshold": 0.8}},
            "compressionConfig.adaptiveThreshold: is for what bursar cannot do yet: compression that begins",
        ),
        (
            {"ContextReclamation": {"priorityLevels": [1, 2]}},
            "ContextReclamation.priorityLevels: is for what bursar cannot do yet: levels of priority",
        ),
        (
            {"contextConfig": {"adaptiveReduction": False}},
            "contextConfig.adaptiveReduction: cannot be switched off (given: False in",
        ),
        ({"enableContextFiltering": 1}, "enableContextFiltering: is neither true nor false (given: 1 in"),
        (
            {"memory": {"agentMemoryLimit": 256}, "contextConfig": {"maxContextPerAgent": 100}},
            "contextConfig.maxContextPerAgent: sets the same as memory.agentMemoryLimit (given: 100 in",
        ),
        (
            {"PatternReclamationStrategy": {"thresholds": {"maxSize": -1}}},
            "PatternReclamationStrategy.thresholds.maxSize: is negative (given: '-1 MB' in",
        ),
        (
            {"patternReclamationStrategy": {"thresholds": {"maxsize": 1}}},
            "patternReclamationStrategy.thresholds.maxsize: is not a setting (given: 1 in",
        ),
        ({"memoryPressure": {}}, "memoryPressure: is for what bursar cannot do yet: pressure (given: {} in"),
        ({"debug": True}, "debug: is for what bursar cannot do yet: a debug log (given: True in"),
        ({"cache": {"l1MaxSize": 1000}}, "cache: is for what bursar cannot do yet: caches"),
        ({"autoTuning": True}, "autoTuning: is for what bursar cannot do yet: tuning by itself"),
        ({"enableAdvancedCaching": True}, "enableAdvancedCaching: is for what bursar cannot do yet"),
        (
            {"modelConstraints": {"maxMemoryPerModel": 1}},
            "modelConstraints.maxMemoryPerModel: is for what bursar cannot do yet: limits for one model",
        ),
        (
            {"limits": {"maxModelsLoaded": 1}, "modelConstraints": {"maxSimultaneousModels": 2}},
            "modelConstraints.maxSimultaneousModels: sets the same as limits.maxModelsLoaded (given: 2 in",
        ),
        ('{"limits": NaN}', "optimization.production.json: is not JSON (given: NaN is not a number in JSON)"),
        (
            '{"limits": {}, "limits": {}}',
            "optimization.production.json: is not JSON (given: 'limits' is given",
        ),
        (
            '{"limits":\n  {maxModelsLoaded: 3}}',
            "optimization.production.json, line 2: is not JSON: expecting property name enclosed in double",
        ),
        ("", "optimization.production.json, line 1: is not JSON: expecting value (given: nothing). Mend"),
        ("[" * 100_000, "optimization.production.json: is not JSON that can be read (given: tables nested"),
        ('{"modelSizes": {"a": 1e400}}', "modelSizes.a: is not a size (given: 'Infinity MB' in"),
    ],
)
def test_a_mistake_in_the_documents_json_is_named_as_it_stands_there(written: object, message: str) -> None:
    assert refused(document(written)).startswith(message)
