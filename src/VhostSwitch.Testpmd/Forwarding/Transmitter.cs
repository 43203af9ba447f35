using System.Diagnostics;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Testpmd.Forwarding;

/// <summary>
/// Sends frames by a stream's transmit queue: in groups of the burst's size, with the retries that were asked for, and finished before where the
/// queue does not take what was left undone. Belongs to one forwarding thread.
/// </summary>
/// <param name="burst">The most frames that are offered at once.</param>
/// <param name="retry">What to do when the queue is full.</param>
internal sealed unsafe class Transmitter(int burst, RetryPolicy retry) : IDisposable
{
    private readonly OffloadFinisher _finisher = new();
    private readonly long _delay = retry.DelayUs * Stopwatch.Frequency / 1_000_000;
    private readonly ushort[] _everything = [.. Enumerable.Range(0, Burst.MaxFrames).Select(i => (ushort)i)];

    /// <summary>Sends frames, and counts with the stream what became of them.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="frames">The loan the frames are from.</param>
    /// <param name="which">Their positions, ascending.</param>
    /// <param name="count">How many.</param>
    /// <param name="unfinished">True where something may be left to be done to one of them.</param>
    public void Send(FrameStream stream, Burst frames, ushort* which, int count, bool unfinished)
    {
        if (stream.Output is not { } output)
        {
            stream.Counters.Dropped += (uint)count;
            return;
        }
        if (unfinished) SendFinished(stream, output, frames, which, count);
        else SendAsTheyAre(stream, output, frames, which, count);
    }

    /// <inheritdoc/>
    public void Dispose() => _finisher.Dispose();

    // How many were dealt with; those that follow a group that found no room are still offered.
    private int Offer(OutputQueue output, Burst frames, ushort* which, int count)
    {
        int taken = 0;
        for (int at = 0; at < count;)
        {
            int group = Math.Min(burst, count - at), sent = output.Send(frames, which + at, group);
            if (sent < group) sent = Retry(output, frames, which + at, sent, group);
            taken += sent;
            at += group;
        }
        return taken;
    }

    private int Retry(OutputQueue output, Burst frames, ushort* which, int sent, int count)
    {
        for (int i = 0; i < retry.Tries && sent < count; i++)
        {
            // The receiver may be asleep over a full ring: it must hear of what it has before it is waited for.
            if (output.NotificationOpen)
            {
                Interlocked.MemoryBarrier();
                output.DecideNotification();
            }
            long until = Stopwatch.GetTimestamp() + _delay;
            while (Stopwatch.GetTimestamp() < until)
                Thread.SpinWait(1);
            sent += output.Send(frames, which + sent, count - sent);
        }
        return sent;
    }

    // Frames with work that the queue does not take become ordinary ones, in order with those around them.
    private void SendFinished(FrameStream stream, OutputQueue output, Burst frames, ushort* which, int count)
    {
        int offered = 0;
        for (int i = 0; i < count; i++)
        {
            var frame = frames.Frames + which[i];
            frame->Delivered = false;
            bool fits = frame->Length <= output.LongestFrame || frame->Offload.GsoType == OffloadFields.GsoNone;
            if (fits && Offloads.Takes(output.Takes, frame->Offload)) continue;
            SendAsTheyAre(stream, output, frames, which + offered, i - offered);
            offered = i + 1;
            if (!_finisher.Take(frames, which[i])) output.Counters->Drop(DropReason.BadOffload);
            else if (SendMade(output)) stream.Counters.Sent++;
            else stream.Counters.Dropped++;
        }
        SendAsTheyAre(stream, output, frames, which + offered, count - offered);
    }

    private void SendAsTheyAre(FrameStream stream, OutputQueue output, Burst frames, ushort* which, int count)
    {
        if (count == 0) return;
        ulong before = output.Counters->Frames;
        stream.Counters.Dropped += (uint)(count - Offer(output, frames, which, count));
        stream.Counters.Sent += output.Counters->Frames - before;
    }

    // True where every part of the frame that was taken was dealt with.
    private bool SendMade(OutputQueue output)
    {
        bool all = true;
        while (_finisher.Left > 0)
        {
            if (_finisher.MakeNext() && _finisher.Left > 0) continue;
            all &= OfferMade(output);
        }
        return all;
    }

    private bool OfferMade(OutputQueue output)
    {
        int count = _finisher.Burst.Count;
        fixed (ushort* everything = _everything)
        {
            bool all = Offer(output, _finisher.Burst, everything, count) == count;
            _finisher.Clear();
            return all;
        }
    }
}
