using System.Diagnostics;

namespace VhostSwitch.Linux.Tests;

public sealed class ThreadClockTests
{
    [Fact]
    public void WorkOfTheThreadCountsAndWaitingDoesNot()
    {
        long start = Stopwatch.GetTimestamp(), before = ThreadClock.Now();
        while (ThreadClock.Now() - before < 1_000_000)
            Thread.SpinWait(10);
        Assert.InRange(ThreadClock.Now() - before, 1_000_000, Stopwatch.GetElapsedTime(start).TotalNanoseconds);

        using var never = new ManualResetEventSlim();
        (start, before) = (Stopwatch.GetTimestamp(), ThreadClock.Now());
        never.Wait(TimeSpan.FromMilliseconds(200));
        Assert.InRange(ThreadClock.Now() - before, 0, Stopwatch.GetElapsedTime(start).TotalNanoseconds / 2);
    }
}
