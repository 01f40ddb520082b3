// What a program that uses the io part may include.
#include <triptych/io/hash.hpp>

int main() { return triptych::io::digest_of("").xxh64 == 0xef46db3751d8e999u ? 0 : 1; }
