using System.Diagnostics;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;

namespace VhostSwitch.Testpmd.Forwarding;

/// <summary>Where the ports of testpmd are attached: their queues belong to streams, and streams to the forwarding threads that run.</summary>
internal sealed class StreamHost : PortHost
{
    // A pass takes microseconds, a retry tenths of a millisecond, and a thread that lost its core some milliseconds more.
    private static readonly TimeSpan PassLimit = TimeSpan.FromSeconds(20);

    private ForwardingThread[] _threads = [];

    /// <summary>The threads that forward; none between <c>stop</c> and <c>start</c>.</summary>
    public IReadOnlyList<ForwardingThread> Threads => _threads;

    /// <inheritdoc/>
    public override bool PollsOnDemand => true;

    /// <summary>Starts threads whose streams have their queues from then on, whatever becomes of those.</summary>
    /// <param name="threads">The threads, not started.</param>
    public void Run(ForwardingThread[] threads)
    {
        _threads = threads;
        FindQueues();
        foreach (var thread in threads)
            thread.Start();
    }

    /// <summary>Ends the threads. Returns when they have.</summary>
    public void Stop()
    {
        foreach (var thread in _threads)
            thread.AskToStop();
        foreach (var thread in _threads)
        {
            thread.Join();
            thread.Dispose();
        }
        _threads = [];
    }

    /// <inheritdoc/>
    public override void WaitForThreads()
    {
        // Whatever a thread has read so far is in order with what was published; it needs no fence of its own.
        Interlocked.MemoryBarrierProcessWide();
        foreach (var thread in _threads)
        {
            ulong passes = thread.Passes;
            var patience = new Patience(PassLimit, Stopwatch.GetTimestamp());
            var spin = default(SpinWait);
            while (!thread.HasPassed(passes))
            {
                spin.SpinOnce(sleep1Threshold: 20);
                if (patience.IsOver(Stopwatch.GetTimestamp()))
                {
                    throw new InvalidOperationException($"the forwarding thread on core {thread.Core} has not come round for "
                        + $"{PassLimit.TotalSeconds} s");
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void QueuesChanged(InputQueue[] removed, InputQueue[] added) => FindQueues();

    private void FindQueues()
    {
        foreach (var thread in _threads)
        {
            foreach (var stream in thread.Streams)
                stream.FindQueues();
        }
    }
}
