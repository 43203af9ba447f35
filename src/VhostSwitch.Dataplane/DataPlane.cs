using System.Diagnostics;
using VhostSwitch.Linux;

namespace VhostSwitch.Dataplane;

/// <summary>
/// The poll threads, the ports they serve and the switching stage between. The control thread alone calls it; it returns from
/// a change when no poll thread knows the former state any more, so that memory and descriptors may then be freed.
/// </summary>
public sealed class DataPlane : PortHost, IDisposable
{
    // A pass takes microseconds, a retry tenths of a millisecond, and a thread that lost its core some milliseconds more.
    private static readonly TimeSpan PassLimit = TimeSpan.FromSeconds(20);

    private readonly Forwarder _forwarder;
    private readonly RetryPolicy _retry;
    private readonly Dictionary<InputQueue, PollThread> _owners = [];
    private readonly LoadBalancer _balancer = new();
    private PollThread[] _threads;
    private IdlePolicy _idle;
    private long _measured = Stopwatch.GetTimestamp();

    /// <summary>Makes the poll threads and starts them.</summary>
    /// <param name="cores">The processors that poll, one thread each; -1 for a thread that is kept on none.</param>
    /// <param name="forwarder">The switching stage.</param>
    /// <param name="retry">What to do when a receiver is full.</param>
    /// <param name="idle">What to do when no frame arrives.</param>
    public DataPlane(IReadOnlyList<int> cores, Forwarder forwarder, RetryPolicy retry, IdlePolicy idle)
    {
        CastTable.Grow();
        _forwarder = forwarder;
        _retry = retry;
        _idle = idle;
        _threads = [.. cores.Select((core, i) => new PollThread(i, core, forwarder, retry, idle, sharesOutputs: cores.Count > 1))];
        foreach (var thread in _threads)
            thread.Start();
    }

    /// <summary>The poll threads, replaced whole.</summary>
    public IReadOnlyList<PollThread> Threads => _threads;

    /// <summary>What the poll threads do when no frame arrives.</summary>
    public IdlePolicy Idle
    {
        get => _idle;
        set
        {
            _idle = value;
            foreach (var thread in _threads)
                thread.Idle = value;
        }
    }

    /// <summary>
    /// The processor that a queue is to be polled on, where someone has said so; null where the queue may be moved. Threads with such queues are
    /// left to them as long as there are others. Takes effect with the next queue and the next <see cref="Balance"/>.
    /// </summary>
    public Func<InputQueue, int?> CoreOf { get; set; } = _ => null;

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
    /// Polls on other processors from now on: threads come, and threads go when others have taken their queues. Frames flow on, and keep their order.
    /// </summary>
    /// <param name="cores">The processors, at least one; a thread that is on one of them stays.</param>
    public void UseCores(IReadOnlyCollection<int> cores)
    {
        PollThread[] staying = [.. _threads.Where(thread => cores.Contains(thread.Core))], leaving = [.. _threads.Except(staying)];
        var indices = Enumerable.Range(0, int.MaxValue).Except(_threads.Select(thread => thread.Index)).GetEnumerator();
        List<PollThread> coming = [];
        foreach (int core in cores.Except(_threads.Select(thread => thread.Core)))
        {
            indices.MoveNext();
            coming.Add(new PollThread(indices.Current, core, _forwarder, _retry, _idle, sharesOutputs: true));
        }
        if (coming.Count == 0 && leaving.Length == 0) return;
        // Before a second thread sends by an output, each that does so takes it.
        foreach (var thread in _threads)
            thread.SharesOutputs = true;
        WaitForThreads();
        foreach (var thread in coming)
        {
            thread.Publish(Topology);
            thread.Start();
        }
        InputQueue[] orphans = [.. leaving.SelectMany(thread => thread.Inputs.ToArray())];
        foreach (var thread in leaving)
            thread.Assign([]);
        // They have passed on what they kept for others, too.
        WaitForThreads();
        _threads = [.. staying, .. coming];
        foreach (var thread in leaving)
        {
            if (thread.Stop(PassLimit)) thread.Dispose();
        }
        foreach (var queue in orphans)
            Assign(queue);
        WaitForThreads();
        if (_threads.Length == 1) _threads[0].SharesOutputs = false;
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
        var misplaced = _owners.Where(owned => !Candidates(owned.Key).Contains(owned.Value)).Select(owned => owned.Key).ToList();
        foreach (var queue in misplaced)
        {
            Move(queue, LeastLoaded(Candidates(queue)));
            moves++;
        }
        var free = Free();
        // Each move leaves fewer to be made; the bound is for loads that change meanwhile.
        for (int i = 0; i < _owners.Count && _balancer.FindMove([.. free.Select(t => t.Inputs.ToArray())], queue => Pinned(queue) is null) is var (queue, to); i++)
        {
            Move(queue, free[to]);
            moves++;
        }
        if (moves > 0) WaitForThreads();
        return moves;
    }

    /// <summary>True for a thread that polls only queues which <see cref="CoreOf"/> has put there.</summary>
    /// <param name="thread">A poll thread.</param>
    public bool IsIsolated(PollThread thread) => _owners.Keys.Any(queue => Pinned(queue) == thread);

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
            var patience = new Patience(PassLimit, Stopwatch.GetTimestamp());
            var spin = default(SpinWait);
            while (!thread.HasPassed(passes))
            {
                thread.Wake();
                spin.SpinOnce(sleep1Threshold: 20);
                if (patience.IsOver(Stopwatch.GetTimestamp()))
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
            Assign(queue);
    }

    private void Assign(InputQueue queue)
    {
        var owner = LeastLoaded(Candidates(queue));
        _owners[queue] = owner;
        owner.Assign([.. owner.Inputs, queue]);
    }

    private void Move(InputQueue queue, PollThread to)
    {
        var owner = _owners[queue];
        owner.Assign([.. owner.Inputs.ToArray().Where(q => q != queue)]);
        WaitForThreads();
        _owners[queue] = to;
        to.Assign([.. to.Inputs, queue]);
    }

    private PollThread LeastLoaded(IEnumerable<PollThread> threads) => threads.MinBy(t => _balancer.LoadOf(t.Inputs))!;

    // Where a queue may be.
    private PollThread[] Candidates(InputQueue queue) => Pinned(queue) is { } only ? [only] : Free();

    private PollThread? Pinned(InputQueue queue) => CoreOf(queue) is { } core ? Array.Find(_threads, thread => thread.Core == core) : null;

    // The threads that are not left to pinned queues; all, where every one has some.
    private PollThread[] Free()
    {
        PollThread[] free = [.. _threads.Where(thread => !IsIsolated(thread))];
        return free.Length > 0 ? free : _threads;
    }
}
