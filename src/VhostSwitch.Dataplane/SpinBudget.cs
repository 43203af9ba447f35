namespace VhostSwitch.Dataplane;

/// <summary>
/// How many empty passes a poll thread makes before it sleeps. It learns from its sleeps: guests that answer at once are polled for, and guests whose
/// frames come further apart than polling lasts are not polled for in vain. Beyond that a thread polls in vain some times as long as small frames took: a
/// busy one does not sleep when the guests' processors are taken away for a moment, and a thread with few frames sleeps as if it had none.
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

    /// <summary>
    /// What a frame saves of polling for later, in looks: some times what a small one takes, so that a thread that works for a tenth of the time bridges guests
    /// that stand still for a third of it; a large frame saves no more.
    /// </summary>
    public const int SavedByFrame = 160;

    /// <summary>What is saved at most, in looks. About 0.1 s of polling: longer than the time slices for which guests lose their processors.</summary>
    public const int MostSaved = 100_000_000;

    private int _looks = Most;
    private int _looksOfPass = LooksOfPause;
    private int _empty;
    private int _saved;

    /// <summary>The passes to make before the next sleep, savings aside: the more queues a thread has, the fewer, since what polling takes is time.</summary>
    public int Passes { get; private set; } = Most / LooksOfPause;

    /// <summary>Takes note of frames, each of which saves polling for later.</summary>
    /// <param name="frames">How many there were.</param>
    public void Worked(int frames)
    {
        _empty = 0;
        _saved = Math.Min(_saved + (frames * SavedByFrame), MostSaved);
    }

    /// <summary>Takes note of a pass without frames.</summary>
    /// <returns>False when it is time to sleep.</returns>
    public bool PollsOn()
    {
        if (++_empty < Passes) return true;
        if (_saved >= _looksOfPass)
        {
            _saved -= _looksOfPass;
            return true;
        }
        _empty = 0;
        return false;
    }

    /// <summary>Takes note of a sleep.</summary>
    /// <param name="time">How long it was.</param>
    /// <param name="queues">How many queues a pass looks at.</param>
    public void Slept(TimeSpan time, int queues)
    {
        _looks = time.Ticks < ShortSleepTicks ? Math.Min(2 * _looks, Most) : Math.Max(_looks / 2, Fewest);
        _looksOfPass = LooksOfPause + queues;
        Passes = Math.Max(1, _looks / _looksOfPass);
    }
}
