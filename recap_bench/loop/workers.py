"""Processes that fly episodes side by side, each in simulations of its own.

Within one process the threads of physics wait while Python steps operators and measures the scene; with many cores that
is most of the time. What happens in an episode does not depend on the process that flies it.
"""

import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from recap_bench.cores import usable_cores
from recap_bench.data.episode import Episode
from recap_bench.errors import WorkerError
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.recorder import Origin
from recap_bench.loop.rollout import collect

if TYPE_CHECKING:
    from recap_bench.envs.task import TaskSpec
    from recap_bench.envs.vector_env import TaskVectorEnv


DEAD = "A worker process died: it was killed, or ran out of memory. Start again, perhaps with fewer workers."


@dataclass(frozen=True)
class _Done:
    """A worker's word that it has flown all its seeds, or why not."""

    trouble: str = ""


class Workers:
    """`count` processes, which keep their simulations from one collection to the next."""

    def __init__(self, count: int, threads: int = 0) -> None:
        """Start the processes, which share `threads` threads, 0 for every core; each has at least one."""
        self.threads = max(1, (threads or usable_cores()) // count)
        """Threads of one process."""
        context = multiprocessing.get_context("spawn")
        self._processes, self._connections = [], []
        for _ in range(count):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, self.threads), daemon=True)
            process.start()
            there.close()
            self._processes.append(process)
            self._connections.append(here)

    def collect(
        self, make_env: Callable[[], "TaskVectorEnv"], controllers: Controllers, seeds: Sequence[int], origin: Origin
    ) -> Iterator[Episode]:
        """Yield one episode per environment seed, in the order in which they end.

        `make_env`, which must be picklable, makes the simulations of each process, once. Raises WorkerError with a
        process's own words when it fails or dies; then all of them are ended.
        """
        if not self._processes:
            raise WorkerError("The worker processes were ended, by `close` or after a failure. Start new ones.")
        build = pickle.dumps(make_env)
        busy: list[Connection] = []
        try:
            for index, connection in enumerate(self._connections):
                share = list(seeds[index :: len(self._connections)])
                if share:
                    connection.send_bytes(pickle.dumps((build, controllers, share, origin)))
                    busy.append(connection)
            while busy:
                ready = wait(busy)
                for connection in [one for one in busy if one in ready]:
                    message = pickle.loads(connection.recv_bytes())
                    if isinstance(message, Episode):
                        yield message
                    elif message.trouble:
                        raise WorkerError(f"A worker process failed:\n{message.trouble}")
                    else:
                        busy.remove(connection)
        except (EOFError, ConnectionError) as error:
            raise WorkerError(DEAD) from error
        finally:
            if busy:
                self.close()

    def share(self, num_envs: int) -> int:
        """Return how many of `num_envs` simulations each process has."""
        return math.ceil(num_envs / len(self._processes))

    def pids(self) -> list[int]:
        """Return the process ids; none once they are ended."""
        return [process.pid for process in self._processes if process.pid]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.terminate()
        for process, connection in zip(self._processes, self._connections, strict=True):
            process.join()
            connection.close()
        self._processes, self._connections = [], []


@dataclass(frozen=True)
class Fleet:
    """Simulations of one task, spread over processes; `fly` takes it like an environment."""

    workers: Workers
    """The processes."""
    make_env: Callable[[], "TaskVectorEnv"]
    """Makes the simulations of one process; picklable."""
    spec_of_task: "TaskSpec"
    """The facts of the task."""
    batch_rows: int
    """Rows of a policy's batch in every process: those of all simulations together, so that their number does not show
    in the rounding of matrix products."""

    def collect(self, controllers: Controllers, seeds: Sequence[int], origin: Origin) -> Iterator[Episode]:
        """Yield one episode per environment seed, in the order in which they end."""
        same_batch = replace(controllers, batch_rows=self.batch_rows)
        return self.workers.collect(self.make_env, same_batch, seeds, origin)


def fly(
    simulations: "TaskVectorEnv | Fleet", controllers: Controllers, seeds: Sequence[int], origin: Origin
) -> Iterator[Episode]:
    """Yield one episode per environment seed, in the order in which they end, from one environment or from a fleet."""
    if isinstance(simulations, Fleet):
        return simulations.collect(controllers, seeds, origin)
    return collect(simulations, controllers, seeds, origin)


def _end_with_parent() -> None:
    """Wait for the parent's end, and end this process at once: killed, it could not say so before the next episode."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(connection: Connection, threads: int) -> None:
    """Fly what the parent asks for until it hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    envs: dict[bytes, TaskVectorEnv] = {}
    while True:
        try:
            build, controllers, seeds, origin = pickle.loads(connection.recv_bytes())
        except EOFError:
            return
        try:
            if "torch" in sys.modules:  # it came with the policy
                sys.modules["torch"].set_num_threads(threads)
            if build not in envs:
                envs[build] = pickle.loads(build)()
            for episode in collect(envs[build], controllers, seeds, origin):
                connection.send_bytes(pickle.dumps(episode))
            done = _Done()
        except BrokenPipeError:
            return
        except Exception:  # whatever it is, the parent reports it
            done = _Done(traceback.format_exc())
        connection.send_bytes(pickle.dumps(done))
