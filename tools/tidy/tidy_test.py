"""Each rule: what it must refuse, and what it must leave alone."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from rooms import parse_room
from tidy import check_file

TOOL = Path(__file__).with_name('tidy.py')
ROOMS = {room.name: room for room in map(parse_room, [
    'add_room(base LAYER 0 HEADERS error.h)',
    'add_room(text LAYER 1 HEADERS words.h SOURCES words.cc TESTS words_test.cc DEPS base)',
    'add_room(vector LAYER 1 HEADERS flat_search.h DEPS base)',
    'add_room(net LAYER 2 SOURCES proxy.cc DEPS base LIBS Boost::headers)',
    'add_room(rag LAYER 4 SOURCES ask.cc TESTS ask_test.cc DEPS base TEST_LIBS net)  # not text',
])}


def rules(path, text):
    return [rule for _, rule, _ in check_file(path, text, ROOMS)]


def in_coroutine(statement):
    return 'asio::awaitable<void> Proxy::run(Request request) {\n' + statement + '\n}\n'


class AwaitShapes(unittest.TestCase):
    REFUSED = [
        'if (co_await f()) return;',
        'while (open && co_await f()) {}',
        'for (;co_await f();) {}',
        'auto x = c ? y : co_await f();',
        'auto x = co_await f() ? a : b;',
        'auto x = c && co_await f();',
        'auto x = co_await f() || c;',
        'co_return co_await f();',
        'co_return c ? x : co_await f();',
        'use(co_await f());',
        'Agg x{.a = co_await f()};',
        'std::vector v{co_await a, co_await b};',
        'auto x = co_await f(Agg{.a = y});',
        'co_await f({1, 2});',
        'co_await f([y] { return y; });',
        'co_await co_spawn(ex, [v = y] { use(v); }, use_awaitable);',
        'auto x = co_await f(co_await g());',
        'int a[2]{co_await f(), 1};',
        'Agg x = {.a = co_await f()};',
        'auto sum = 1 + co_await f();',
    ]
    ACCEPTED = [
        'co_await f();',
        'auto x = co_await f(y, std::move(z));',
        'auto [error, count] = co_await socket.async_read_some(buffer, use_tuple);',
        'auto&& x = co_await f();',
        'x = co_await f();',
        'if (a && b) co_await f();',
        'if (a) { co_await f(); } else { co_await g(); }',
        'for (int i = 0; i < 3; ++i) { co_await f(i); }',
        'switch (x) { case kA: co_await f(); break; default: co_await g(); }',
        'auto work = [&] { use(); };\nco_await f(work);',
        'auto work = [](int n) -> asio::awaitable<int> { co_await f(n); };',
        'Agg x{.a = 1};\nco_await f(x);',
        '// if (co_await f())\nco_await f();',
        'log("if (co_await f())");\nco_await f();',
        'try { co_await f(); } catch (const std::exception&) { use(); }',
        "const int n = 75'000;\nco_await f(n);",
        'for (const auto& x : xs) co_await f(x);',
        'const bool more = c ? a : b;\nco_await f();',
    ]

    def test_refused(self):
        for statement in self.REFUSED:
            with self.subTest(statement):
                self.assertIn('await', rules('src/net/proxy.cc', in_coroutine(statement)))

    def test_accepted(self):
        for statement in self.ACCEPTED:
            with self.subTest(statement):
                self.assertEqual([], rules('src/net/proxy.cc', in_coroutine(statement)))

    def test_elsewhere_there_are_no_coroutines(self):
        self.assertIn('coroutine', rules('src/rag/ask.cc', in_coroutine('co_await f();')))


class Layers(unittest.TestCase):
    def test_listed_rooms_and_the_own_room(self):
        text = '#include "text/words.h"\n#include "base/error.h"\n#include <vector>\n'
        self.assertEqual([], rules('src/text/words.cc', text))

    def test_a_room_that_is_not_listed(self):
        self.assertEqual(['layers'], rules('src/rag/ask.cc', '#include "text/words.h"\n'))
        self.assertEqual(['layers'], rules('src/rag/ask.cc', '#include "net/http.h"\n'))

    def test_a_test_may_use_test_libs(self):
        self.assertEqual([], rules('src/rag/ask_test.cc', '#include "net/http.h"\n'))

    def test_private_headers(self):
        self.assertEqual(['layers'], rules('src/text/words.cc', '#include "base/detail/x.h"\n'))
        self.assertEqual(['layers'], rules('apps/rage/main.cc', '#include "net/detail/x.h"\n'))
        self.assertEqual([], rules('src/net/proxy.cc', '#include "net/detail/x.h"\n'))

    def test_includes_name_their_room(self):
        self.assertEqual(['layers'], rules('src/text/words.cc', '#include "words.h"\n'))

    # A test that add_room() does not list is never built, and nobody notices.
    def test_every_file_is_listed(self):
        self.assertEqual(['unlisted'], rules('src/text/forgotten_test.cc', ''))
        self.assertEqual([], rules('src/text/words_test.cc', ''))
        self.assertEqual([], rules('src/text/detail/private.h', ''))


class ThirdParties(unittest.TestCase):
    def test_only_at_home(self):
        self.assertEqual([], rules('src/net/proxy.cc', '#include <boost/asio.hpp>\n'))
        for include in ('boost/asio.hpp', 'openvino/openvino.hpp', 'sqlite3.h', 'curl/curl.h',
                        'unicode/brkiter.h', 'CLI/CLI.hpp', 'nlohmann/json.hpp'):
            with self.subTest(include):
                text = f'#include <{include}>\n'
                self.assertEqual(['third-party'], rules('src/rag/ask.cc', text))

    def test_applications_parse_options_and_tests_are_free(self):
        self.assertEqual([], rules('apps/rage/main.cc', '#include <CLI/CLI.hpp>\n'))
        self.assertEqual([], rules('tests/support/peer.cc', '#include <boost/asio.hpp>\n'))


class Banned(unittest.TestCase):
    REFUSED = [
        ('format', 'src/net/proxy.cc', 'auto s = std::format("{}", 1);'),
        ('detached', 'src/net/proxy.cc', 'asio::co_spawn(ex, run(), asio::detached);'),
        ('detached', 'src/net/proxy.cc', 'worker.detach();'),
        ('thread', 'src/net/proxy.cc', 'std::thread worker(run);'),
        ('sleep', 'src/net/proxy.cc', 'std::this_thread::sleep_for(1s);'),
        ('sleep', 'src/text/words_test.cc', 'sleep(1);'),
        ('sleep', 'tests/integration/up_test.cc', 'std::this_thread::sleep_for(1s);'),
        ('random', 'src/text/words.cc', 'int x = std::rand();'),
        ('c-string', 'src/text/words.cc', 'strcpy(to, from);'),
        ('c-string', 'src/text/words.cc', 'std::sprintf(to, "%d", 1);'),
        ('throw', 'src/text/words.cc', 'throw std::runtime_error("no");'),
        ('catch', 'src/text/words.cc', '} catch (const std::exception& e) {'),
        ('atomic-shared-ptr', 'src/net/proxy.cc', 'std::atomic<std::shared_ptr<int>> x;'),
        ('mutex', 'src/net/proxy.cc', 'std::mutex mutex_;'),
        ('using-namespace', 'src/text/words.h', 'using namespace std;'),
        ('assert', 'src/text/words.cc', 'assert(x > 0);'),
    ]
    ACCEPTED = [
        ('src/net/proxy.cc', 'const auto n = std::thread::hardware_concurrency();'),
        ('src/net/proxy.cc', 'clock.sleep_for(1s, stop);'),
        ('src/net/proxy.cc', '} catch (const std::exception& e) {'),
        ('src/text/words.cc', '// We never throw, nor std::format.'),
        ('src/text/words.cc', 'log("throw strcpy( std::rand");'),
        ('src/text/words.cc', 'auto s = R"(throw "x")";'),
        ('src/text/words.cc', 'using namespace std::chrono_literals;'),
        ('src/text/words.cc', 'static_assert(sizeof(int) == 4);'),
        ('src/text/words_test.cc', 'EXPECT_DEATH(run(), ""); throw 1;'),
    ]

    def test_refused(self):
        for rule, path, line in self.REFUSED:
            with self.subTest(line):
                self.assertIn(rule, rules(path, line + '\n'))

    def test_accepted(self):
        for path, line in self.ACCEPTED:
            with self.subTest(line):
                self.assertEqual([], rules(path, line + '\n'))

    def test_an_exception_needs_its_reason(self):
        line = 'f.detach();  // tidy-allow: '
        self.assertEqual([], rules('src/net/proxy.cc', line + 'detached it is a file\n'))
        self.assertEqual(['detached'], rules('src/net/proxy.cc', line + 'detached\n'))
        self.assertEqual(['detached'], rules('src/net/proxy.cc', line + 'sleep it is a file\n'))


class Text(unittest.TestCase):
    def test_naked_markers(self):
        self.assertEqual(['todo'], rules('src/text/words.cc', '// TO' 'DO: later\n'))
        self.assertEqual(['todo'], rules('tools/x.py', '# FIX' 'ME\n'))
        self.assertEqual([], rules('src/text/words.cc', '// TO' 'DO(#12): later\n'))

    def test_columns_count_characters_not_bytes(self):
        self.assertEqual([], rules('src/text/words.cc', '// ' + 'ü' * 97 + '\n'))
        self.assertEqual(['columns'], rules('src/text/words.cc', '// ' + 'ü' * 98 + '\n'))

    def test_machine_paths(self):
        for path in ('/wo' 'rk/main', '/ro' 'ot/.cache'):
            with self.subTest(path):
                self.assertEqual(['machine-path'], rules('README.md', f'see {path}/x\n'))
        self.assertEqual([], rules('README.md', 'see build/wo' 'rk/x and $dir/wo' 'rk/x\n'))


class WholeTool(unittest.TestCase):
    def test_prints_what_an_editor_can_jump_to_and_fails(self):
        with tempfile.TemporaryDirectory() as root:
            Path(root, 'src', 'text').mkdir(parents=True)
            Path(root, 'src', 'text', 'CMakeLists.txt').write_text('add_room(text SOURCES a.cc)\n')
            file = Path(root, 'src', 'text', 'a.cc')
            file.write_text('int a;\nint b = std::rand();\n')
            subprocess.run(['git', 'init', '-q', root], check=True)
            command = [sys.executable, str(TOOL), root]
            refused = subprocess.run(command, capture_output=True, text=True)
            file.write_text('int a;\n')
            accepted = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(1, refused.returncode)
        self.assertTrue(refused.stdout.startswith("src/text/a.cc:2: random: 'std::rand': use"))
        self.assertEqual((0, ''), (accepted.returncode, accepted.stdout))


if __name__ == '__main__':
    unittest.main()
