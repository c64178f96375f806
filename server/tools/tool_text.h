// How bytes, numbers and findings look in the tools' answers.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine/tools/finding.h"
#include "engine/tools/inspection.h"

namespace minikv::server {

// Keeps the members in the order in which they were put.
using Json = nlohmann::ordered_json;

// In quotes, on one line, with nothing in it that a terminal would act upon.
std::string quote(std::string_view bytes);

// Adds `name` as it is, or, if the bytes are not UTF-8, `name`_base64.
void add_bytes(Json& object, const std::string& name, std::string_view bytes);

// On one line.
std::string to_text(const Json& object);

std::string render_finding(const engine::Finding& finding);
Json finding_as_json(const engine::Finding& finding);

std::string render_summary(const engine::InspectionSummary& summary);
Json summary_as_json(const engine::InspectionSummary& summary);

// "1 key", "2 keys".
std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace minikv::server
