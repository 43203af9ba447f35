using System.Numerics;

namespace VhostSwitch.Dataplane;

/// <content>What is done to frames before they are offered to an output: their sender left something undone, or the port merges segments. On the poll thread alone.</content>
public sealed unsafe partial class PollThread
{
    // Written by the poll thread only.
    private readonly OffloadFinisher _finisher = new();
    private readonly SegmentMerger _merger = new();

    // Of the frames that are being finished, by their positions: those of which not every part was taken.
    private uint _lost;

    // Segments that belong together are offered as one. What is left to be done to it is then the receiver's work, or ours again.
    private void OfferMerged(OutputQueue queue, Burst burst, ushort* which, int count)
    {
        int merged = queue.TakesAnyLength ? _merger.Merge(burst, which, count, queue.Takes) : count;
        if (merged == count)
        {
            if (burst.HasWork) OfferFinished(queue, burst, which, count);
            else Offer(queue, burst, which, count);
            return;
        }
        OfferFinished(queue, _merger.Burst, _merger.Burst.Everything, merged);
        _merger.Settle(burst, which, count);
    }

    // Frames with work that the queue does not take become ordinary ones, in order with those around them.
    private void OfferFinished(OutputQueue queue, Burst burst, ushort* which, int count)
    {
        var takes = queue.Takes;
        uint longest = queue.LongestFrame;
        uint finished = 0;
        int offered = 0;
        _lost = 0;
        for (int i = 0; i < count; i++)
        {
            var frame = burst.Frames + which[i];
            if (Offloads.Takes(takes, frame->Offload) && (frame->Length <= longest || frame->Offload.GsoType == OffloadFields.GsoNone)) continue;
            if (offered < i)
            {
                OfferMade(queue);
                Offer(queue, burst, which + offered, i - offered);
            }
            offered = i + 1;
            if (!_finisher.Take(burst, which[i])) frame->Drop(DropReason.BadOffload);
            else
            {
                finished |= 1u << which[i];
                Finish(queue, 1u << which[i]);
            }
        }
        OfferMade(queue);
        if (offered < count) Offer(queue, burst, which + offered, count - offered);
        for (finished &= ~_lost; finished != 0; finished &= finished - 1)
            burst.Frames[BitOperations.TrailingZeroCount(finished)].Delivered = true;
    }

    private void Finish(OutputQueue queue, uint original)
    {
        while (_finisher.Left > 0)
        {
            if (_finisher.MakeNext() || OfferMade(queue)) continue;
            // The receiver is full, after the retries: the rest of the segments would find no room either, and is not made.
            DropForFull(queue, _finisher.Left);
            _finisher.GiveUp();
            _lost |= original;
        }
    }

    // False where the queue had no room for all.
    private bool OfferMade(OutputQueue queue)
    {
        var made = _finisher.Burst;
        if (made.Count == 0) return true;
        bool all = Offer(queue, made, made.Everything, made.Count);
        for (int i = 0; i < made.Count; i++)
        {
            if (!made.Frames[i].Delivered) _lost |= 1u << made.Frames[i].Token;
        }
        _finisher.Clear();
        return all;
    }
}
