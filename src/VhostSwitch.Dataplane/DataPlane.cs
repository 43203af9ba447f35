using System.Diagnostics;

namespace VhostSwitch.Dataplane;

/// <summary>
/// The poll threads, the ports they serve and the switching stage between. The control thread alone calls it; it returns from
/// a change when no poll thread knows the former state any more, so that memory and descriptors may then be freed.
/// </summary>
public sealed class DataPlane : PortHost, IDisposable
{
    // A pass takes microseconds, a retry tenths of a millisecond, and a thread that lost its core some milliseconds more.
    private static readonly TimeSpan PassLimit = TimeSpan.FromSeconds(20);

    private readonly PollThread[] _threads;
    private readonly Forwarder _forwarder;
    private readonly Dictionary<InputQueue, PollThread> _owners = [];
    private readonly LoadBalancer _balancer = new();
    private long _measured = Stopwatch.GetTimestamp();

    /// <summary>Makes the poll threads and starts them.</summary>
    /// <param name="cores">The processors that poll, one thread each; -1 for a thread that is kept on none.</param>
    /// <param name="forwarder">The switching stage.</param>
    /// <param name="retry">What to do when a receiver is full.</param>
    /// <param name="idle">What to do when no frame arrives.</param>
    public DataPlane(IReadOnlyList<int> cores, Forwarder forwarder, RetryPolicy retry, IdlePolicy idle)
    {
        _forwarder = forwarder;
        _threads = [.. cores.Select((core, i) => new PollThread(i, core, forwarder, retry, idle, sharesOutputs: cores.Count > 1))];
        foreach (var thread in _threads)
            thread.Start();
    }

    /// <summary>The poll threads.</summary>
    public IReadOnlyList<PollThread> Threads => _threads;

    /// <summary>The thread that polls a queue; null where none does.</summary>
    /// <param name="queue">The queue.</param>
    public PollThread? OwnerOf(InputQueue queue) => _owners.GetValueOrDefault(queue);

    /// <summary>What a queue has brought lately, in frames a second, as <see cref="Balance"/> has measured it last.</summary>
    /// <param name="queue">A queue that is polled.</param>
    public double LoadOf(InputQueue queue) => _balancer.LoadOf([queue]);

    /// <summary>Takes a port away with its queues, and has the forwarder forget it.</summary>
    /// <param name="port">An attached port.</param>
    public override void Detach(Port port)
    {
        base.Detach(port);
        _forwarder.Forget(port.Id);
        WaitForThreads();
    }

    /// <summary>
    /// Spreads the queues over the threads by what they have brought since this was called last, about a second ago. A queue that moves is
    /// let go by its thread before another takes it, so its frames keep their order.
    /// </summary>
    /// <returns>How many queues were moved.</returns>
    public int Balance()
    {
        _balancer.Measure(_owners.Keys, Stopwatch.GetElapsedTime(_measured).TotalSeconds);
        _measured = Stopwatch.GetTimestamp();
        if (_threads.Length == 1) return 0;
        int moves = 0;
        // Each move leaves fewer to be made; the bound is for loads that change meanwhile.
        while (moves < _owners.Count && _balancer.FindMove([.. _threads.Select(t => t.Inputs.ToArray())]) is var (queue, to))
        {
            var owner = _owners[queue];
            owner.Assign([.. owner.Inputs.ToArray().Where(q => q != queue)]);
            WaitForThreads();
            _owners[queue] = _threads[to];
            _threads[to].Assign([.. _threads[to].Inputs, queue]);
            moves++;
        }
        if (moves > 0) WaitForThreads();
        return moves;
    }

    /// <inheritdoc/>
    public override void WaitForThreads()
    {
        foreach (var thread in _threads)
            thread.AnnounceChange();
        // Whatever a poll thread has read or written so far is in order with what was published; it needs no fence of its own.
        Interlocked.MemoryBarrierProcessWide();
        foreach (var thread in _threads)
        {
            ulong passes = thread.Passes;
            long start = Stopwatch.GetTimestamp();
            var spin = default(SpinWait);
            while (!thread.HasPassed(passes))
            {
                thread.Wake();
                spin.SpinOnce(sleep1Threshold: 20);
                if (Stopwatch.GetElapsedTime(start) > PassLimit)
                    throw new InvalidOperationException($"the poll thread on core {thread.Core} has not come round for {PassLimit.TotalSeconds} s; is the core shared with a real-time program?");
            }
        }
    }

    /// <summary>Stops the poll threads. Rings are left as they are; detach the ports first.</summary>
    public void Dispose()
    {
        foreach (var thread in _threads)
        {
            if (thread.Stop(PassLimit)) thread.Dispose();
        }
    }

    /// <inheritdoc/>
    protected override void PortsChanged()
    {
        foreach (var thread in _threads)
            thread.Publish(Topology);
    }

    /// <inheritdoc/>
    protected override void QueuesChanged(InputQueue[] removed, InputQueue[] added)
    {
        foreach (var queue in removed)
        {
            if (!_owners.Remove(queue, out var owner)) continue;
            owner.Assign([.. owner.Inputs.ToArray().Where(q => q != queue)]);
        }
        foreach (var queue in added)
        {
            var owner = _threads.MinBy(t => _balancer.LoadOf(t.Inputs))!;
            _owners[queue] = owner;
            owner.Assign([.. owner.Inputs, queue]);
        }
    }
}
