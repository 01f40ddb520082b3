// What `triptych doctor` says: of machines that are made up, and of this one.
#include "triptych/commands/doctor_report.hpp"

#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "data/cifar_fixture.hpp"
#include "support/catch.hpp"
#include "support/run_app.hpp"

using namespace triptych;
using namespace triptych::app;
using triptych::test::call_app;

namespace {

/// A machine with two devices, of which the build covers the second.
findings with_devices() {
  findings f;
  f.version = "0.1.0";
  f.commit = "abc";
  f.configuration = "default";
  f.compiler = "GNU 12.2.0";
  f.flags = "-O3";
  f.eigen = "3.4.0";
  f.formats = {"PPM", "PNG"};
  f.cpu = "Processor \"X\"";
  f.cores = 8;
  f.has = {"AVX2", "AVX-512"};
  f.built_for = {"AVX2"};
  f.kernels = {{"avx2"}, "avx2"};
  f.memory = std::size_t{8} << 30;
  f.available = std::size_t{2} << 30;
  f.mpi = "Open MPI v4.1.4";
  f.cuda = backend::cuda_state{.driver = 12040, .runtime = 13000, .cublas = 130102};
  f.cuda->architectures = "80 90a";
  f.cuda->devices = {{0, "Tesla T4", 7, 5, std::size_t{16} << 30, std::size_t{15} << 30, 40},
                     {1, "NVIDIA H200", 9, 0, std::size_t{140} << 30, std::size_t{139} << 30, 132}};
  f.automatic = place({}, f.cuda);
  f.data = {{.name = "cifar10", .where = "/sets/c10", .train = 50000, .test = 10000},
            {.name = "cifar100", .problem = "cannot find it"},
            {.name = "tiny_imagenet", .where = "/sets/tiny", .problem = "a file is damaged"}};
  return f;
}

}  // namespace

TEST_CASE("doctor's lines are aligned and say what is missing") {
  CHECK(text(with_devices()) ==
        R"(triptych     0.1.0, commit abc, configuration default
compiler     GNU 12.2.0, -O3
libraries    Eigen 3.4.0
images       PPM, PNG
CPU          Processor "X", logical cores: 8
it has       AVX2, AVX-512
built for    AVX2; -DTRIPTYCH_ARCH=native takes all that the CPU has
memory       8.0 GiB, 2.0 GiB available
MPI          Open MPI v4.1.4
CUDA         driver 12.4, runtime 13.0, cuBLAS 13.1.2, cuDNN none
             compiled for 80 90a
cuda:0       Tesla T4, compute capability 7.5, 40 multiprocessors, 16.0 GiB, 15.0 GiB free
             this build has no code for it
cuda:1       NVIDIA H200, compute capability 9.0, 132 multiprocessors, 140.0 GiB, 139.0 GiB free
auto device  cuda:1, NVIDIA H200, products in tf32

data set       images         where
cifar10        50000 + 10000  /sets/c10
cifar100       -              not found; see triptych data verify cifar100
tiny_imagenet  -              a file is damaged
)");
  auto bare = with_devices();
  bare.cuda->devices.clear();
  bare.cuda->driver = 0;
  bare.cuda->problem = "there is no NVIDIA driver";
  bare.automatic = place({}, bare.cuda);
  bare.built_for = bare.has;
  const auto without = text(bare);
  for (const char* line :
       {"built for    AVX2, AVX-512\n", "CUDA         driver none, runtime 13.0, cuBLAS",
        "\n             no device: there is no NVIDIA driver\n",
        "\nauto device  cpu, backend eigen; CUDA cannot be used: there is no NVIDIA driver\n"}) {
    INFO(without);
    CHECK(without.find(line) != std::string::npos);
  }
  bare.kernels = {{"sse2", "avx2"}, "avx2"};
  CHECK(text(bare).find(
            "\nkernels      avx2, of sse2, avx2; the variable TRIPTYCH_ISA names another\n") !=
        std::string::npos);
  bare.cuda.reset();
  bare.mpi.clear();
  CHECK(text(bare).find("\nMPI          not in this build; -DTRIPTYCH_WITH_MPI=ON puts it in\n") !=
        std::string::npos);
  CHECK(text(bare).find("\nCUDA         not in this build; -DTRIPTYCH_WITH_CUDA=ON puts it in\n") !=
        std::string::npos);
}

TEST_CASE("doctor's JSON holds the same") {
  const auto found = nlohmann::json::parse(json(with_devices()));
  CHECK(found["cpu"]["model"] == "Processor \"X\"");
  CHECK(found["cpu"]["has"] == std::vector<std::string>{"AVX2", "AVX-512"});
  CHECK(found["cpu"]["kernels"]["used"] == "avx2");
  CHECK(found["cpu"]["kernels"]["built"] == std::vector<std::string>{"avx2"});
  CHECK(found["memory"]["total"] == std::int64_t{8} << 30);
  const auto& cuda = found["cuda"];
  CHECK(found["mpi"] == "Open MPI v4.1.4");
  CHECK(cuda["driver"] == "12.4");
  CHECK(cuda["cuDNN"].is_null());
  CHECK(cuda["problem"].is_null());
  REQUIRE(cuda["devices"].size() == 2);
  CHECK(cuda["devices"][0]["compiled_for"] == false);
  CHECK(cuda["devices"][1]["compiled_for"] == true);
  CHECK(cuda["devices"][1]["compute_capability"] == "9.0");
  CHECK(found["auto"]["device"] == "cuda:1");
  REQUIRE(found["data"].size() == 3);
  CHECK(found["data"][0]["train"] == 50000);
  CHECK(found["data"][1]["where"].is_null());
  CHECK(found["data"][2]["problem"] == "a file is damaged");

  auto bare = with_devices();
  bare.cuda.reset();
  bare.automatic = place({}, {});
  bare.mpi.clear();
  const auto without = nlohmann::json::parse(json(bare));
  CHECK(without["mpi"].is_null());
  CHECK(without["cuda"].is_null());
  CHECK(without["auto"]["device"] == "cpu");
}

TEST_CASE("doctor ends well whatever it finds, and counts the images that it can read") {
  const temporary_directory sets;
  const std::vector<std::string> here{"--data-dir", sets.path().string()};
  const auto doctor = [&](std::vector<std::string> more) {
    more.insert(more.begin(), "doctor");
    more.insert(more.end(), here.begin(), here.end());
    const auto result = call_app(more);
    CHECK(result.code == 0);
    CHECK(result.err.empty());
    return result.out;
  };
  const auto data = [&](const std::string& name) {
    const auto found = nlohmann::json::parse(doctor({"--json"}));
    for (const auto& set : found["data"]) {
      if (set["name"] == name) return set;
    }
    return nlohmann::json();
  };
  const auto empty = doctor({});
  CHECK(empty.starts_with("triptych     0."));
  for (const char* name : {"cifar10", "cifar100", "tiny_imagenet"}) {
    CHECK(empty.find("not found; see triptych data verify " + std::string(name) + "\n") !=
          std::string::npos);
  }

  write_cifar10(sets, 7, "cifar-10-batches-bin/");
  const auto sound = data("cifar10");
  CHECK(sound["train"] == 35);
  CHECK(sound["test"] == 7);
  CHECK(sound["where"] == (sets.path() / "cifar-10-batches-bin").string());
  CHECK(sound["problem"].is_null());

  sets.write("cifar-10-batches-bin/data_batch_2.bin", std::string("cut"));
  const auto damaged = data("cifar10");
  CHECK(damaged["problem"].get<std::string>().find("data_batch_2.bin") != std::string::npos);
  CHECK(damaged["train"] == 0);

  const auto picture = "P6\n64 64\n255\n" + std::string(std::size_t{64} * 64 * 3, 'x');
  sets.write("tiny-imagenet-200/wnids.txt", std::string("n1\nn2\n"));
  for (const char* name : {"train/n1/images/0.JPEG", "train/n1/images/1.JPEG",
                           "train/n2/images/0.JPEG", "val/images/a.JPEG"}) {
    sets.write("tiny-imagenet-200/" + std::string(name), picture);
  }
  sets.write("tiny-imagenet-200/val/val_annotations.txt", std::string("a.JPEG\tn1\n"));
  const auto pictures = data("tiny_imagenet");
  INFO(pictures);
  CHECK(pictures["train"] == 3);
  CHECK(pictures["test"] == 1);
}

TEST_CASE("doctor names what the program was built from") {
  const auto said = call_app({"doctor"}).out;
  const auto version = call_app({"--version"}).out;
  // "triptych 0.1.0 (commit), GNU 12.2.0 flags, Eigen 3.4.0, configuration default"
  std::istringstream words(version);
  std::string triptych, number, commit;
  words >> triptych >> number >> commit;
  CHECK(said.starts_with("triptych     " + number + ", commit " +
                         commit.substr(1, commit.find(')') - 1) + ", configuration default\n"));
}
