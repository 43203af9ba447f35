namespace VhostSwitch.Dataplane;

/// <content>The queues whose decision to notify is open: it is taken behind one fence for all of them (docs/decisions/001-barriers.md). On the poll thread alone.</content>
public sealed unsafe partial class PollThread
{
    // Passes between two looks, behind a fence, at the queues whose decision to notify is open. Only guests that poll keep
    // decisions open in busy times, so the price is one fence in 16 passes; a guest that has just gone to sleep waits 16 passes at most.
    private const ulong PassesBetweenFences = 16;

    // The array has room for every output of every port; full, decisions are taken at once.
    private readonly OpenQueue[] _open = new OpenQueue[4096];
    private int _openCount;

    private void KeepOpen(Queue queue)
    {
        if (queue.Listed) return;
        if (_openCount == _open.Length)
        {
            DecideBehindFence(queue);
            return;
        }
        queue.Listed = true;
        _open[_openCount++].Queue = queue;
    }

    private void DecideNotifications()
    {
        Interlocked.MemoryBarrier();
        for (int i = 0; i < _openCount; i++)
        {
            var queue = _open[i].Queue!;
            queue.Listed = false;
            Decide(queue);
            _open[i].Queue = null;
        }
        _openCount = 0;
    }

    private void DecideBehindFence(Queue queue)
    {
        Interlocked.MemoryBarrier();
        Decide(queue);
    }

    private void Decide(Queue queue)
    {
        if (Volatile.Read(ref _sharesOutputs) && queue is OutputQueue output)
        {
            output.Enter();
            output.DecideNotification();
            output.Exit();
        }
        else queue.DecideNotification();
    }

    // The runtime looks up whether an array of a class takes what is stored into it, in a table that it enlarges while it does so: memory that this thread
    // would have allocated. A struct's field needs no look.
    private struct OpenQueue
    {
        public Queue? Queue;
    }
}
