namespace VhostSwitch.Dataplane;

/// <summary>
/// How many empty passes a poll thread makes before it sleeps. It learns from its sleeps: guests that answer at once are polled for, and guests whose
/// frames come further apart than polling lasts are not polled for in vain.
/// </summary>
internal struct SpinBudget()
{
    /// <summary>About 0.1 ms of polling: longer than a guest takes to answer, and short against the time slices of a guest that stopped.</summary>
    public const int Most = 4000;

    /// <summary>Some microseconds of polling: about what a sleep and the kick that ends it cost.</summary>
    public const int Fewest = 125;

    // A sleep shorter than this should have been polling. No static field: the runtime makes room for one when a thread first comes by, which would be
    // a poll thread, and now and then that takes an array of it.
    private const long ShortSleepTicks = 50 * TimeSpan.TicksPerMicrosecond;

    /// <summary>The passes to make before the next sleep.</summary>
    public int Passes { get; private set; } = Most;

    /// <summary>Takes note of a sleep.</summary>
    /// <param name="time">How long it was.</param>
    public void Slept(TimeSpan time) => Passes = time.Ticks < ShortSleepTicks ? Math.Min(2 * Passes, Most) : Math.Max(Passes / 2, Fewest);
}
