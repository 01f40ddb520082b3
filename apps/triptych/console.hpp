// apps/triptych/console.hpp
//
// What is seen on the terminal: results as tables on stdout, everything else on stderr. Progress is
// one line that is redrawn on a terminal, and elsewhere one plain line every few seconds. No color
// is ever used, and nothing that comes from a file or a name reaches the terminal with its control
// characters: all output passes printable() here.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <triptych/core/error.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/file.hpp>

namespace triptych::app {

/// Opens /dev/null in place of standard descriptors that are closed, before any file of ours gets
/// their number and what is said to the terminal. The one for stdout cannot be written to: results
/// that nobody gets are a failure. Throws error::io.
inline void fill_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    const int mode = fd == STDERR_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", mode) != fd) io::throw_io("open", "/dev/null", errno);
  }
}

/// One line of the app's own on stderr.
inline void say(std::string_view sentence) {
  std::fprintf(stderr, "triptych: %s\n", printable(sentence).c_str());
}

/// Stands before a stream as long as it lives, and lets it have printable() lines.
class printable_lines final : public std::streambuf {
 public:
  explicit printable_lines(std::ostream& stream) : stream_(stream), behind_(stream.rdbuf(this)) {}

  printable_lines(const printable_lines&) = delete;
  printable_lines& operator=(const printable_lines&) = delete;
  ~printable_lines() override {
    stream_.flush();
    stream_.rdbuf(behind_);
  }

 private:
  int_type overflow(int_type character) override {
    if (traits_type::eq_int_type(character, traits_type::eof())) return 0;
    const char one = traits_type::to_char_type(character);
    return xsputn(&one, 1) == 1 ? character : traits_type::eof();
  }

  std::streamsize xsputn(const char* text, std::streamsize size) override {
    const std::string_view added(text, static_cast<std::size_t>(size));
    const std::size_t last = added.rfind('\n');
    const std::size_t end = begun_.size() + last;
    begun_ += added;
    if (last == added.npos) return size;
    std::string lines;
    for (std::size_t at = 0; at <= end;) {
      const std::size_t next = begun_.find('\n', at);
      lines += printable(std::string_view(begun_).substr(at, next - at)) + "\n";
      at = next + 1;
    }
    begun_.erase(0, end + 1);
    return put(lines) ? size : 0;
  }

  int sync() override {
    const std::string rest = printable(std::exchange(begun_, {}));
    return put(rest) && behind_->pubsync() == 0 ? 0 : -1;
  }

  bool put(const std::string& text) {
    const auto size = static_cast<std::streamsize>(text.size());
    return behind_->sputn(text.data(), size) == size;
  }

  std::ostream& stream_;
  std::streambuf* behind_;
  std::string begun_;  ///< a line without its end
};

/// True if stderr is a terminal that can redraw a line.
inline bool can_redraw() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

/// Columns of the terminal on stderr; 80 if it does not tell.
inline std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

/// The progress of one long task on stderr.
class progress {
 public:
  using clock = std::chrono::steady_clock;

  /// `quiet` shows nothing; `log`, if any, is given every plain line, also when quiet.
  explicit progress(bool quiet, std::function<void(std::string_view)> log = {},
                    std::chrono::seconds period = std::chrono::seconds(10))
      : quiet_(quiet), redraws_(can_redraw()), period_(period), log_(std::move(log)) {}

  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() { clear(); }

  /// True if `update` would show or log a line now: composing one is worth the time.
  [[nodiscard]] bool due() const {
    const auto now = clock::now();
    return now >= next_line_ || (redraws_ && !quiet_ && now >= next_drawing_);
  }

  /// Where the task stands now; shown when it is due.
  void update(std::string_view line) {
    const auto now = clock::now();
    if (now >= next_line_) {
      next_line_ = now + period_;
      if (log_) log_(line);
      if (!quiet_ && !redraws_) print(line);
    }
    if (redraws_ && !quiet_ && now >= next_drawing_) {
      next_drawing_ = now + std::chrono::milliseconds(100);
      std::string shown = printable(line);
      if (auto end = terminal_width() - 1; end < shown.size()) {
        while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xC0) == 0x80) --end;
        shown.resize(end);  // between two characters
      }
      std::fprintf(stderr, "\r%s\x1b[K", shown.c_str());
      drawn_ = true;
    }
  }

  /// A line that stays.
  void note(std::string_view line) {
    if (log_) log_(line);
    if (quiet_) return;
    clear();
    print(line);
  }

  /// Takes the redrawn line away.
  void clear() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
    drawn_ = false;
  }

 private:
  static void print(std::string_view line) {
    std::fprintf(stderr, "%s\n", printable(line).c_str());
  }

  bool quiet_, redraws_, drawn_ = false;
  clock::duration period_;
  clock::time_point next_line_{}, next_drawing_{};
  std::function<void(std::string_view)> log_;
};

/// The texts of a list, one after another.
template <class List, class Text>
std::string joined(const List& list, const Text& text_of, const char* between = ", ") {
  std::string all;
  for (const auto& one : list) all += (all.empty() ? "" : between) + text_of(one);
  return all;
}

/// "59 s", "12 min 05 s", "3 h 20 min"
inline std::string duration_text(double seconds) {
  const auto total = std::llround(std::clamp(seconds, 0.0, 1e9));
  char text[48];
  if (total < 60) {
    std::snprintf(text, sizeof text, "%lld s", total);
  } else if (total < 3600) {
    std::snprintf(text, sizeof text, "%lld min %02lld s", total / 60, total % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld h %02lld min", total / 3600, total / 60 % 60);
  }
  return text;
}

/// `number` with `digits` after the point.
inline std::string fixed(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

/// "12 B", "3.4 MiB"
inline std::string size_text(double bytes) {
  if (bytes < 1024) return fixed(bytes, 0) + " B";
  constexpr const char* units[]{"KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (bytes /= 1024; bytes >= 1024 && unit + 1 < std::size(units); ++unit) bytes /= 1024;
  return fixed(bytes, 1) + " " + units[unit];
}

/// Text in columns: the first, and those without a heading, aligned left, the others as `right`
/// says. A very long cell moves the rest of its own row only: else one long name would be as many
/// blanks in every row.
class table {
 public:
  static constexpr std::size_t widest = 120;

  explicit table(std::vector<std::string> header, bool right = true) : right_(right) {
    rows_.push_back(std::move(header));
  }

  void add(std::vector<std::string> row) {
    for (auto& cell : row) cell = printable(cell);  // now, for its width
    rows_.push_back(std::move(row));
  }

  friend std::ostream& operator<<(std::ostream& out, const table& t) {
    std::vector<std::size_t> widths;
    for (const auto& row : t.rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (std::size_t i = 0; i < row.size(); ++i) {
        widths[i] = std::max(widths[i], std::min(row[i].size(), widest));
      }
    }
    for (const auto& row : t.rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::string gap(widths[i] - std::min(row[i].size(), widths[i]), ' ');
        const bool named = i >= t.rows_.front().size() || !t.rows_.front()[i].empty();
        line += (i == 0 ? "" : "  ") + (t.right_ && i > 0 && named ? gap + row[i] : row[i] + gap);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out << line << '\n';
    }
    return out;
  }

 private:
  bool right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace triptych::app
