// cuBLAS for our programs, loaded when it is first called. Linked as usual it would take every
// start of a program a tenth of a second, and 0.5 GB of addresses, also where no GPU is used.
#include <string>

#include <dlfcn.h>

#include <cublas_v2.h>

namespace {

#define TRIPTYCH_TEXT_OF(x) #x
#define TRIPTYCH_TEXT(x) TRIPTYCH_TEXT_OF(x)

/// Why cuBLAS cannot be called; empty where it can.
std::string problem;

/// The library; null where it cannot be loaded.
void* library() {
  static void* const loaded = [] {
    void* found = nullptr;
    // By its name, as the linker would look for it; then where this program was built.
    for (const char* name :
         {"libcublas.so." TRIPTYCH_TEXT(CUBLAS_VER_MAJOR), TRIPTYCH_CUBLAS_LIBRARY}) {
      if (found == nullptr) found = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    if (found == nullptr) problem = ::dlerror();
    return found;
  }();
  return loaded;
}

/// A call of cuBLAS with the type of `Call`, by name; null where there is none.
template <class Call>
Call* found(const char* name) {
  if (library() == nullptr) return nullptr;
  void* const call = ::dlsym(library(), name);
  if (call == nullptr) problem = ::dlerror();
  return reinterpret_cast<Call*>(call);
}

}  // namespace

/// Defines a call of cuBLAS that goes on to the library. `parameters` and `arguments` in
/// parentheses.
#define TRIPTYCH_CUBLAS(call, parameters, arguments)                                               \
  extern "C" cublasStatus_t call parameters {                                                      \
    static const auto go_on = found<decltype(call)>(TRIPTYCH_TEXT(call));                          \
    return go_on != nullptr ? go_on arguments : CUBLAS_STATUS_NOT_INITIALIZED;                     \
  }

TRIPTYCH_CUBLAS(cublasCreate, (cublasHandle_t * handle), (handle))
TRIPTYCH_CUBLAS(cublasDestroy, (cublasHandle_t handle), (handle))
TRIPTYCH_CUBLAS(cublasGetProperty, (libraryPropertyType type, int* value), (type, value))
TRIPTYCH_CUBLAS(cublasSetStream, (cublasHandle_t handle, cudaStream_t stream), (handle, stream))
TRIPTYCH_CUBLAS(cublasSetMathMode, (cublasHandle_t handle, cublasMath_t mode), (handle, mode))
TRIPTYCH_CUBLAS(cublasSetWorkspace, (cublasHandle_t handle, void* workspace, std::size_t bytes),
                (handle, workspace, bytes))
TRIPTYCH_CUBLAS(cublasGemmEx_64,
                (cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, std::int64_t m,
                 std::int64_t n, std::int64_t k, const void* alpha, const void* a,
                 cudaDataType a_type, std::int64_t lda, const void* b, cudaDataType b_type,
                 std::int64_t ldb, const void* beta, void* c, cudaDataType c_type, std::int64_t ldc,
                 cublasComputeType_t compute, cublasGemmAlgo_t algorithm),
                (handle, ta, tb, m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta, c, c_type,
                 ldc, compute, algorithm))

extern "C" const char* cublasGetStatusString(cublasStatus_t status) {
  static const auto go_on = found<decltype(cublasGetStatusString)>("cublasGetStatusString");
  return go_on != nullptr ? go_on(status) : problem.c_str();
}
