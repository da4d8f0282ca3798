import io

from recap_bench.reporting.progress import BarDisplay, LineDisplay, make_display


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_tell_begin_end_and_the_remaining_time() -> None:
    stream, clock = io.StringIO(), Clock()
    with LineDisplay(stream, clock) as display:
        for done in range(101):
            clock.now = 0.5 * done
            display.update("collect", done, 100)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "collect: 0/100"
    assert lines[1] == "collect: 30/100, about 35 s left"
    assert lines[-1] == "collect: 100/100"
    assert len(lines) == 5


def test_a_new_stage_starts_a_new_line() -> None:
    stream = io.StringIO()
    with LineDisplay(stream, Clock()) as display:
        display.update("a", 0, 10)
        display.update("b", 0, 10)
    assert stream.getvalue().splitlines() == ["a: 0/10", "b: 0/10"]


def test_a_stream_that_is_no_terminal_gets_plain_lines() -> None:
    assert isinstance(make_display(io.StringIO()), LineDisplay)


def test_bars_keep_messages() -> None:
    stream = io.StringIO()
    with BarDisplay(stream) as display:
        display.update("fit", 1, 2)
        display.message("success [0.5, 0.6]")
        display.update("evaluate", 1, 2)
    assert "success [0.5, 0.6]" in stream.getvalue()
