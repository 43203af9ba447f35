namespace VhostSwitch.Dataplane;

/// <summary>
/// How many empty passes a poll thread makes before it sleeps. It learns from its sleeps: guests that answer at once are polled for, and guests whose
/// frames come further apart than polling lasts are not polled for in vain.
/// </summary>
internal struct SpinBudget()
{
    /// <summary>
    /// In looks at an empty queue, each about a nanosecond. About 0.1 ms of polling: longer than a guest takes to answer, and short against the time slices
    /// of a guest that stopped.
    /// </summary>
    public const int Most = 100_000;

    /// <summary>In looks at an empty queue. Some microseconds of polling: about what a sleep and the kick that ends it cost.</summary>
    public const int Fewest = 3_000;

    // What a pass costs beside its looks at queues, the pause behind it above all, in looks.
    private const int LooksOfPause = 30;

    // A sleep shorter than this should have been polling. No static field: the runtime makes room for one when a thread first comes by, which would be
    // a poll thread, and now and then that takes an array of it.
    private const long ShortSleepTicks = 50 * TimeSpan.TicksPerMicrosecond;

    private int _looks = Most;

    /// <summary>The passes to make before the next sleep: the more queues a thread has, the fewer, since what polling takes is time.</summary>
    public int Passes { get; private set; } = Most / LooksOfPause;

    /// <summary>Takes note of a sleep.</summary>
    /// <param name="time">How long it was.</param>
    /// <param name="queues">How many queues a pass looks at.</param>
    public void Slept(TimeSpan time, int queues)
    {
        _looks = time.Ticks < ShortSleepTicks ? Math.Min(2 * _looks, Most) : Math.Max(_looks / 2, Fewest);
        Passes = Math.Max(1, _looks / (LooksOfPause + queues));
    }
}
