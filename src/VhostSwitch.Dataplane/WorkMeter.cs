using System.Diagnostics;

namespace VhostSwitch.Dataplane;

/// <summary>
/// How long a poll thread works on frames, without reading the clock in every pass: a few passes in some hundreds are measured, and each pass with
/// work counts as long as those that were measured lately. Times are in ticks of <see cref="Stopwatch"/>.
/// </summary>
/// <remarks>
/// Only work is measured. What is left of the time was polled in vain or slept, or the core was somebody else's.
/// </remarks>
/// <param name="reading">How long reading the clock takes, which is part of every pass that is measured.</param>
internal struct WorkMeter(long reading)
{
    // Passes from one that is measured to the next, by chance, so that they keep no step with anything that comes back every so many passes. A
    // measurement costs about 0.1 us: on average one in 512 passes of 0.1 us, which have one frame each, is below 0.2 %.
    private const uint FewestPasses = 256, Spread = 512;

    // Reading the clock waits for what is under way, which is 20 ns of a pass of 100 ns. So passes are measured together where all of them have work,
    // and one by one where that is rare.
    private const uint MostPasses = 8;

    // How much one measured pass has to say beside those before it.
    private const double Weight = 1.0 / 16;

    // What is measured counts as this many times the mean at most: an interrupt would be multiplied by hundreds. Passes that have really become so
    // long have the mean follow within some measurements.
    private const double Longest = 64;

    // What takes longer than a millisecond, too, was interrupted: the core was somebody else's, and it counts nothing. The second in a row was not.
    private static double Interruption => Stopwatch.Frequency / 1e3;

    // Never nothing, so that work shows in the sum. Of the order of a pass until one was measured.
    private double _mean = Stopwatch.Frequency / 1e6;
    private double _work;
    private double _workBefore;
    private long _begin;
    private bool _measures;
    private uint _together = 1;
    private bool _interrupted;
    private uint _random = 0x9E3779B9;

    /// <summary>The pass before which <see cref="Look"/> is to be called.</summary>
    public ulong NextLook { get; private set; } = FewestPasses;

    /// <summary>The work so far. For any thread.</summary>
    public readonly double Work => Volatile.Read(in _work);

    /// <summary>Counts a pass with work.</summary>
    public void Count() => Volatile.Write(ref _work, _work + _mean);

    /// <summary>Begins to measure the passes that follow, or ends with those before.</summary>
    /// <param name="pass">The number of the pass that follows.</param>
    /// <param name="now">The time.</param>
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
        if (allWorked) Learn(now - _begin - reading);
        _together = allWorked ? Math.Min(2 * _together, MostPasses) : Math.Max(_together / 2, 1);
        NextLook = pass + FewestPasses + Chance();
        return true;
    }

    /// <summary>Finds out how long reading the clock takes.</summary>
    public static long MeasureReading()
    {
        long shortest = long.MaxValue;
        for (int i = 0; i < 100; i++)
        {
            long before = Stopwatch.GetTimestamp();
            shortest = Math.Min(shortest, Stopwatch.GetTimestamp() - before);
        }
        return shortest;
    }

    private void Learn(long ticks)
    {
        bool before = _interrupted;
        double longest = Longest * _mean;
        _interrupted = ticks > Math.Max(longest, Interruption);
        if (!_interrupted || before) _mean += Weight * ((Math.Clamp(ticks, _together, longest) / _together) - _mean);
    }

    // Marsaglia's xorshift.
    private uint Chance()
    {
        _random ^= _random << 13;
        _random ^= _random >> 17;
        _random ^= _random << 5;
        return _random % Spread;
    }
}
