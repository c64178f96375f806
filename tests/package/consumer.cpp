// Uses minikv the way another project does: through its installed headers and its CMake package only.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <minikv/store.h>

namespace {

int fail(const char* what, const minikv::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.message().c_str());
  return EXIT_FAILURE;
}

int store_and_read_back(const std::string& directory) {
  auto store = minikv::Store::open(directory, {});
  if (!store) return fail("open", store.status());
  if (auto version = (*store)->set("name", "Alice"); !version) return fail("set", version.status());
  auto value = (*store)->get("name");
  if (!value) return fail("get", value.status());
  if (value->data != "Alice") return EXIT_FAILURE;
  if (auto status = (*store)->close(); !status) return fail("close", status);
  return EXIT_SUCCESS;
}

}  // namespace

int main() {
  std::string directory = (std::filesystem::temp_directory_path() / "minikv-consumer-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) return EXIT_FAILURE;
  const int exit_code = store_and_read_back(directory);
  std::filesystem::remove_all(directory);
  return exit_code;
}
