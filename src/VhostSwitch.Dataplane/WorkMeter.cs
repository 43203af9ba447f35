using System.Diagnostics;
using VhostSwitch.Linux;

namespace VhostSwitch.Dataplane;

/// <summary>
/// How long a poll thread works on frames, without reading the clock in every pass: a few passes in some hundreds are measured, and each pass with
/// work counts as long as those that were measured lately. Times are in ticks of <see cref="Stopwatch"/>.
/// </summary>
/// <remarks>
/// Only work is measured. What is left of the time was polled in vain or slept, or the core was somebody else's. The clock is that of the machine, which
/// costs least to read, where there is always work or passes are short. Otherwise it is the thread's processor time: a notification is a long pass, and
/// wakes others, who may take the core in the middle of it.
/// </remarks>
/// <param name="reading">How long reading the machine's clock takes, which is part of every pass that is measured.</param>
/// <param name="processorReading">The same for the thread's processor time.</param>
internal struct WorkMeter(long reading, long processorReading)
{
    // Passes from one that is measured to the next, by chance, so that they keep no step with anything that comes back every so many passes. A
    // measurement costs about 0.1 us: on average one in 512 passes of 0.1 us, which have one frame each, is below 0.2 %. Behind one without work the next
    // comes sooner: there is time for it, and where few passes have work few would be measured.
    private const uint FewestPasses = 256, FewestWithoutWork = 64;

    // Reading the clock waits for what is under way, which is 20 ns of a pass of 100 ns. So passes are measured together where all of them have work.
    // Where not, those that follow each other are not like the others, but the long ones of a queue that was full: one by one then.
    private const uint MostPasses = 8;

    // So many measurements in a row without a pass in vain say that there are none.
    private const int FewestInARow = 8;

    // Over about how many measurements the mean is taken.
    private const int Memory = 16;

    // What is measured counts as this many times the mean at most: an interrupt would be multiplied by hundreds. Passes that have really become so
    // long have the mean follow within some measurements.
    private const double Longest = 64;

    // What takes longer than a millisecond, too, was interrupted: the core was somebody else's, and it counts nothing. The second in a row was not.
    private static double Interruption => Stopwatch.Frequency / 1e3;

    // From here on a pass is long: what a system call takes, and what it leaves behind in the caches, is little beside it.
    private static double LongPass => Stopwatch.Frequency / 5e5;

    // Never nothing, so that work shows in the sum. Of the order of a pass until one was measured.
    private double _mean = Stopwatch.Frequency / 1e6;
    private double _work;
    private double _workBefore;
    private long _begin;
    private bool _measures;
    private uint _together = 1;
    private int _inARow;
    private int _learned;
    private bool _interrupted;
    private uint _random = 0x9E3779B9;

    /// <summary>The pass before which <see cref="Look"/> is to be called.</summary>
    public ulong NextLook { get; private set; } = FewestPasses;

    /// <summary>Whether the next <see cref="Look"/> is told the thread's processor time, and not the machine's.</summary>
    public readonly bool AsksProcessorTime => _together < MostPasses && _mean > LongPass;

    /// <summary>The work so far. For any thread.</summary>
    public readonly double Work => Volatile.Read(in _work);

    /// <summary>Counts a pass with work.</summary>
    public void Count() => Volatile.Write(ref _work, _work + _mean);

    /// <summary>Begins to measure the passes that follow, or ends with those before.</summary>
    /// <param name="pass">The number of the pass that follows.</param>
    /// <param name="now">The time, of the clock that <see cref="AsksProcessorTime"/> says.</param>
    /// <returns>True where it has ended.</returns>
    public bool Look(ulong pass, long now)
    {
        _measures = !_measures;
        if (_measures)
        {
            (_begin, _workBefore) = (now, _work);
            NextLook = pass + _together;
            return false;
        }
        // With one that had no work, and the sleep that may follow it, they say nothing.
        bool allWorked = Math.Round((_work - _workBefore) / _mean) == _together;
        if (allWorked) Learn(now - _begin - (AsksProcessorTime ? processorReading : reading));
        _inARow = allWorked ? _inARow + 1 : 0;
        if (!allWorked) _together = 1;
        else if (_inARow % FewestInARow == 0) _together = Math.Min(2 * _together, MostPasses);
        uint fewest = allWorked ? FewestPasses : FewestWithoutWork;
        NextLook = pass + fewest + (Chance() % (2 * fewest));
        return true;
    }

    /// <summary>Reads a clock, of the thread that calls.</summary>
    /// <param name="processorTime">That of the thread's processor time, or the machine's.</param>
    public static long Read(bool processorTime) => processorTime ? ThreadClock.Now() : Stopwatch.GetTimestamp();

    /// <summary>Finds out how long reading a clock takes.</summary>
    /// <param name="processorTime">As of <see cref="Read"/>.</param>
    public static long MeasureReading(bool processorTime)
    {
        long shortest = long.MaxValue;
        for (int i = 0; i < 100; i++)
        {
            long before = Read(processorTime);
            shortest = Math.Min(shortest, Read(processorTime) - before);
        }
        return shortest;
    }

    private void Learn(long ticks)
    {
        bool before = _interrupted;
        double longest = Longest * _mean;
        _interrupted = ticks > Math.Max(longest, Interruption);
        if (_interrupted && !before) return;
        // The first ones say more: there is no better mean yet.
        _learned = Math.Min(_learned + 1, Memory);
        _mean += ((Math.Clamp(ticks, _together, longest) / _together) - _mean) / _learned;
    }

    // Marsaglia's xorshift.
    private uint Chance()
    {
        _random ^= _random << 13;
        _random ^= _random >> 17;
        _random ^= _random << 5;
        return _random;
    }
}
