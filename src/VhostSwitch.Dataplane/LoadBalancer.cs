namespace VhostSwitch.Dataplane;

/// <summary>
/// Finds which input queue should be polled by another thread, by the frames each queue has brought lately. One move at a time, and only
/// one that is worth it: a queue that moves back and forth helps nobody. For the control thread.
/// </summary>
internal sealed unsafe class LoadBalancer
{
    // A move must take this share off the busiest thread's load.
    private const double LeastGain = 0.1;

    // A queue without frames is asked for them all the same: in frames a second, so that idle queues are spread by number.
    private const double LoadOfPolling = 1;

    private readonly Dictionary<InputQueue, Sample> _samples = [];

    /// <summary>Notes what every queue has brought since it was noted last.</summary>
    /// <param name="queues">The queues that are polled.</param>
    /// <param name="seconds">The time since then.</param>
    public void Measure(IReadOnlyCollection<InputQueue> queues, double seconds)
    {
        foreach (var gone in _samples.Keys.Except(queues).ToList())
            _samples.Remove(gone);
        foreach (var queue in queues)
        {
            ulong frames = queue.Counters->Frames;
            ulong before = _samples.TryGetValue(queue, out var sample) ? sample.Frames : frames;
            _samples[queue] = new Sample(frames, (frames - before) / seconds);
        }
    }

    /// <summary>The load of some queues, in frames a second.</summary>
    /// <param name="queues">The queues of a thread.</param>
    public double LoadOf(ReadOnlySpan<InputQueue> queues)
    {
        double load = 0;
        foreach (var queue in queues)
            load += LoadOf(queue);
        return load;
    }

    /// <summary>The move that takes most off the busiest thread.</summary>
    /// <param name="threads">The threads with their queues.</param>
    /// <param name="mayMove">False for a queue that stays where it is.</param>
    /// <returns>The queue and the place of the thread that should poll it; null where no move is worth it.</returns>
    public (InputQueue Queue, int To)? FindMove(IReadOnlyList<InputQueue[]> threads, Func<InputQueue, bool> mayMove)
    {
        double[] loads = [.. threads.Select(queues => LoadOf(queues))];
        int busiest = Array.IndexOf(loads, loads.Max()), idlest = Array.IndexOf(loads, loads.Min());
        (InputQueue Queue, int To)? best = null;
        double bestPeak = loads[busiest] * (1 - LeastGain);
        foreach (var queue in threads[busiest].Where(mayMove))
        {
            double load = LoadOf(queue);
            double peak = Math.Max(loads[busiest] - load, loads[idlest] + load);
            if (peak > bestPeak) continue;
            bestPeak = peak;
            best = (queue, idlest);
        }
        return best;
    }

    private double LoadOf(InputQueue queue) => LoadOfPolling + (_samples.TryGetValue(queue, out var sample) ? sample.FramesPerSecond : 0);

    private readonly record struct Sample(ulong Frames, double FramesPerSecond);
}
