using System.Buffers.Text;
using System.Diagnostics;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// When a host has taken the core of a switch on this virtual machine. A thread that polls has as much processor time as has passed; where it has
/// less, and neither slept nor waited for others, it was the host. Linux counts so where it has CONFIG_PARAVIRT_TIME_ACCOUNTING and the host tells;
/// elsewhere nothing is ever found. The scheduler brings a thread's time up to date with each tick, so time is divided into stretches of a tick or two.
/// The guests' thread looks.
/// </summary>
internal sealed class StolenTime : IDisposable
{
    // By which a stretch has ended; without a tick for so long the thread sleeps, or has no core.
    private static readonly long Ticked = Ticks(milliseconds: 2), Longest = Ticks(milliseconds: 12);

    // Between looks, so that the moment of a tick is known as well; the looker's own tick comes at the same moment and takes its time. What was taken
    // while the looker was away for longer is not known. Less than a few times the first is not noticed.
    private static readonly long Often = Ticks(0.010), Away = Ticks(0.060), Noticed = Ticks(0.030);

    private readonly int _pid;
    private readonly SafeFileHandle _schedule, _status;
    private readonly byte[] _text = new byte[4096];

    // The stretch began just after this, when the thread had run so much; or nobody looked.
    private long _began, _ran;
    private bool _unseen = true;
    private long _lookedAt;
    private long _waited, _sleeps;

    /// <summary>Looks at the busiest thread of a process from now on.</summary>
    /// <param name="pid">The process; only this thread of it has much to do.</param>
    public StolenTime(int pid)
    {
        _pid = pid;
        string thread = ProcessorTime.BusiestThread(pid);
        _schedule = File.OpenHandle($"{thread}/schedstat");
        _status = File.OpenHandle($"{thread}/status");
        _ran = ProcessorTime.OfProcess(pid);
        _began = _lookedAt = Stopwatch.GetTimestamp();
    }

    /// <summary>Looks again, if it is time to.</summary>
    /// <param name="now">The time of <see cref="Stopwatch"/>.</param>
    /// <returns>
    /// Null while a stretch goes on. At its end, whether the host may have taken the core: not where the thread slept, whatever else happened.
    /// </returns>
    public bool? Look(long now)
    {
        if (now - _lookedAt < Often) return null;
        long before = _lookedAt, ran = ProcessorTime.OfProcess(_pid), spent = Ticks((ran - _ran) / 1e6);
        _lookedAt = Stopwatch.GetTimestamp();
        if (spent < Ticked && _lookedAt - _began < Longest) return null;
        // What it waited or slept before, where nothing was missing, is put down here as well: to the switch's account.
        long missing = before - _began - spent;
        bool unseen = _lookedAt - before >= Away, taken = false;
        if (missing >= Noticed || unseen || _unseen)
        {
            long waited = Ticks(Number(_schedule, after: " "u8) / 1e6), sleeps = Number(_status, after: "\nvoluntary_ctxt_switches:\t"u8);
            taken = sleeps == _sleeps && (unseen || _unseen || missing - (waited - _waited) >= Noticed);
            (_waited, _sleeps) = (waited, sleeps);
        }
        (_began, _ran, _unseen) = (before, ran, unseen);
        return taken;
    }

    public void Dispose()
    {
        _schedule.Dispose();
        _status.Dispose();
    }

    private static long Ticks(double milliseconds) => (long)(milliseconds * Stopwatch.Frequency / 1000);

    private long Number(SafeFileHandle file, ReadOnlySpan<byte> after)
    {
        ReadOnlySpan<byte> text = _text.AsSpan(0, RandomAccess.Read(file, _text, fileOffset: 0));
        int begin = text.IndexOf(after);
        if (begin < 0 || !Utf8Parser.TryParse(text[(begin + after.Length)..], out long number, out _))
            throw new InvalidDataException($"no number behind '{Encoding.ASCII.GetString(after).Trim()}' in a file of process {_pid} in /proc");
        return number;
    }
}
