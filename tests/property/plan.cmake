adit_add_unit_test(property_plan property
  SOURCES plan_property_test.cpp plan_resources_property_test.cpp plan_scale_test.cpp
  LIBS adit::plan)
