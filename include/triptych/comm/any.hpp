// triptych/comm/any.hpp
//
// A communicator that is chosen when a program runs: `any` of another one, by default of `self`. So a program
// that may run on one rank or on several holds one copy of what computes.
#pragma once

#include <cstddef>
#include <memory>

#include <triptych/comm/communicator.hpp>
#include <triptych/comm/self.hpp>

namespace triptych::comm {

class any {
 public:
  /// One rank.
  any() : any(alone()) {}
  /// That of `communicator`, which must outlive this.
  template <Communicator C>
  explicit any(C& communicator) : chosen_(std::make_unique<model<C>>(communicator)) {}

  [[nodiscard]] int rank() const { return chosen_->rank(); }
  [[nodiscard]] int size() const { return chosen_->size(); }
  void gather(const void* from, std::size_t bytes, void* to) { chosen_->gather(from, bytes, to); }
  void share(void* data, std::size_t bytes) { chosen_->share(data, bytes); }
  void sum(float* x, std::size_t n) { chosen_->sum(x, n); }
  void sum(double* x, std::size_t n) { chosen_->sum(x, n); }

 private:
  struct interface {
    virtual ~interface() = default;
    [[nodiscard]] virtual int rank() const = 0;
    [[nodiscard]] virtual int size() const = 0;
    virtual void gather(const void* from, std::size_t bytes, void* to) = 0;
    virtual void share(void* data, std::size_t bytes) = 0;
    virtual void sum(float* x, std::size_t n) = 0;
    virtual void sum(double* x, std::size_t n) = 0;
  };
  template <class C>
  struct model final : interface {
    explicit model(C& c) : communicator(&c) {}
    [[nodiscard]] int rank() const override { return communicator->rank(); }
    [[nodiscard]] int size() const override { return communicator->size(); }
    void gather(const void* from, std::size_t bytes, void* to) override {
      communicator->gather(from, bytes, to);
    }
    void share(void* data, std::size_t bytes) override { communicator->share(data, bytes); }
    void sum(float* x, std::size_t n) override { communicator->sum(x, n); }
    void sum(double* x, std::size_t n) override { communicator->sum(x, n); }
    C* communicator;
  };

  static self& alone() {
    static self one;
    return one;
  }

  std::unique_ptr<interface> chosen_;
};

}  // namespace triptych::comm
