// Prints what each of the objects that it is linked with computes.
#include <cstdio>
#include <string>

[[gnu::weak]] std::string base();
[[gnu::weak]] std::string avx2();

int main() {
  if (base) std::printf("base%s\n", base().c_str());
  if (avx2) std::printf("avx2%s\n", avx2().c_str());
}
