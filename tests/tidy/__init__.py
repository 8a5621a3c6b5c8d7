"""The rules of shape: what `tests/test_tidy.py` holds the tree to.

A rule is a function from a `Tree` to the places where the tree breaks it. It reads the sources and imports
nothing, so it runs on any folder, and `tests/test_tidy_detects.py` plants a violation of each.
"""

from . import layers, order, packaging, purity, text
from .tree import Rule

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        layers.rooms_import_inwards,
        layers.rooms_are_never_imported_bare,
        layers.the_product_imports_itself_relatively,
        layers.imports_go_in_no_circle,
        packaging.links_lead_to_the_rooms,
        packaging.every_folder_of_code_is_a_package,
        packaging.every_package_is_listed,
        packaging.every_data_file_ships,
        purity.the_domain_imports_nothing_impure,
        purity.what_decides_imports_no_measures,
        purity.the_domain_calls_nothing_impure,
        purity.the_domain_knows_no_floats,
        order.the_domain_iterates_no_sets,
        text.files_and_functions_are_short,
        text.nothing_is_left_for_later,
        text.silenced_checks_say_why,
        text.no_path_of_one_machine,
        text.the_readme_is_80_to_150_lines,
        text.tests_are_functions,
    )
}
