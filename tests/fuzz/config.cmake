adit_add_fuzz(config config_yaml_fuzz.cpp adit::config)
