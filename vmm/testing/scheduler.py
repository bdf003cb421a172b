"""Runs cases side by side, and repeats them; ends everything when it is told to."""
import asyncio
import dataclasses
import signal
import sys

from testing import process
from testing.execution import Run


def repeated(cases, times, until_fail):
    """All cases, so many times; for ever with `until_fail` and no number."""
    number = 0
    while times is None or number < times:
        number += 1
        yield from (dataclasses.replace(case, number=number) if times != 1 or until_fail else case for case in cases)


class Scheduler:
    def __init__(self, settings, reporter, jobs, until_fail=False):
        self._settings = settings
        self._reporter = reporter
        self._jobs = jobs
        self._until_fail = until_fail
        self._results = []
        self._over = False
        self.signal = None  # that ended it early

    def run(self, cases):
        """The results, in the order in which they came."""
        asyncio.run(self._main(iter(cases)))
        return self._results

    async def _main(self, cases):
        if sys.version_info < (3, 12):  # later ones do so by themselves: no thread, so that a fork is safe
            watcher = asyncio.PidfdChildWatcher()
            watcher.attach_loop(asyncio.get_running_loop())
            asyncio.get_event_loop_policy().set_child_watcher(watcher)
        workers = [asyncio.create_task(self._work(cases)) for _ in range(self._jobs)]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stop, number, workers)
        try:
            done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            for worker in done:
                if not worker.cancelled() and worker.exception():
                    raise worker.exception()
        finally:
            process.kill_all()

    def _stop(self, number, workers):
        if self.signal is not None:
            process.kill_all()  # told twice: at once
        self.signal = number
        for worker in workers:
            worker.cancel()

    async def _work(self, cases):
        for case in cases:
            if self._over:
                return
            self._reporter.started(case)
            result = await Run(case, self._settings).result()
            self._results.append(result)
            self._reporter.finished(result)
            self._over = self._over or self._until_fail and result.verdict == "failed"
