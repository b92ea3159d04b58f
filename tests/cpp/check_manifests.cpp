// check_manifests: reads one manifest a line and prints what the core says of each: "taken", or why not.
#include <cstdio>
#include <iostream>
#include <string>

#include "error.h"
#include "manifest.h"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    try {
      deit::parse_manifest(line);
      std::puts("taken");
    } catch (const deit::Error& error) {
      if (error.code() != deit::Code::Bundle) return 1;
      std::puts(error.what());
    }
  }
  return 0;
}
