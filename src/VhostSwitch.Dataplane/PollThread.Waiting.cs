using System.Diagnostics;

namespace VhostSwitch.Dataplane;

/// <content>What becomes of frames for a receiver that is full. On the poll thread alone.</content>
public sealed unsafe partial class PollThread
{
    // How many receivers are waited for at a time. One that stands still is not waited for again, so that this is many.
    private const int MaxRooms = 8;

    // Written by the poll thread only. The first _waiting of them are open.
    private readonly WaitingRoom[] _rooms;
    private int _waiting;

    // The counters of the input whose burst is on loan.
    private QueueCounters* _sender;

    /// <summary>How many receivers are full and have frames kept for them.</summary>
    internal int Waiting => Volatile.Read(ref _waiting);

    // False where some were dropped, since the queue has no room.
    private bool Offer(OutputQueue queue, Burst burst, ushort* which, int count)
    {
        // Those that wait are first.
        if (_waiting > 0 && RoomOf(queue) is { } open) return LetWait(open, burst, which, count);
        int sent = Send(queue, burst, which, count);
        if (sent > 0 && queue.Stalled) queue.Stalled = false;
        return sent == count || OfferLater(queue, burst, which + sent, count - sent);
    }

    private bool OfferLater(OutputQueue queue, Burst burst, ushort* which, int count)
    {
        if (queue.Stalled || queue.Retries == 0 || _waiting == _rooms.Length)
        {
            DropForFull(queue, count);
            return false;
        }
        // The receiver may be asleep over a full ring: it must hear of what it has before it is waited for.
        if (queue.NotificationOpen) DecideBehindFence(queue);
        var room = _rooms[_waiting];
        room.Open(queue);
        room.NextTry = Stopwatch.GetTimestamp() + _retryDelay;
        Volatile.Write(ref _waiting, _waiting + 1);
        return LetWait(room, burst, which, count);
    }

    // A frame for one receiver counts as delivered when it is. One for many, or made of another one here, counts at once: what becomes of it
    // later is the receiver's to count.
    private bool LetWait(WaitingRoom room, Burst burst, ushort* which, int count)
    {
        for (int i = 0; i < count; i++)
        {
            var frame = burst.Frames + which[i];
            bool later = burst == _burst && frame->Output < Frame.Dropped;
            if (!room.TryAdd(burst, frame, later ? _sender : null))
            {
                DropForFull(room.Queue!, count - i);
                return false;
            }
            if (!later) frame->Delivered = true;
        }
        return true;
    }

    // True where a receiver took something.
    private bool TryAgain()
    {
        bool worked = false;
        long now = Stopwatch.GetTimestamp();
        for (int i = _waiting - 1; i >= 0; i--)
        {
            var room = _rooms[i];
            if (now - room.NextTry < 0) continue;
            bool some = SendWaiting(room);
            worked |= some;
            CountRetry(room.Queue!);
            room.TriesInVain = some ? 0 : room.TriesInVain + 1;
            room.NextTry = now + _retryDelay;
            if (room.Count > 0 && room.TriesInVain < TriesFor(room.Queue!)) continue;
            // Waited for in vain: no more until it takes a frame again.
            room.Queue!.Stalled = room.Count > 0;
            CloseRoom(i);
        }
        return worked;
    }

    private int TriesFor(OutputQueue queue) => queue.Retries == OutputQueue.DefaultRetries ? _retry.Tries : queue.Retries;

    // The tables change: what a receiver does not take now is not kept for one that may be gone.
    private void EndWaiting()
    {
        for (int i = _waiting - 1; i >= 0; i--)
        {
            SendWaiting(_rooms[i]);
            CloseRoom(i);
        }
    }

    // True where the receiver took something.
    private bool SendWaiting(WaitingRoom room)
    {
        var queue = room.Queue!;
        bool some = false;
        while (room.Count > 0)
        {
            var next = room.Next();
            int sent = Send(queue, next, next.Everything, next.Count);
            room.Leave(sent);
            some |= sent > 0;
            if (sent < next.Count) break;
        }
        if (queue.NotificationOpen) KeepOpen(queue);
        return some;
    }

    private void CloseRoom(int i)
    {
        var room = _rooms[i];
        if (room.Count > 0) DropForFull(room.Queue!, room.Count);
        room.Close();
        (_rooms[i], _rooms[_waiting - 1]) = (_rooms[_waiting - 1], room);
        Volatile.Write(ref _waiting, _waiting - 1);
    }

    private WaitingRoom? RoomOf(OutputQueue queue)
    {
        for (int i = 0; i < _waiting; i++)
        {
            if (_rooms[i].Queue == queue) return _rooms[i];
        }
        return null;
    }
}
