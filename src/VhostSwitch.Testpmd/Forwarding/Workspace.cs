using System.Runtime.InteropServices;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Testpmd.Forwarding;

/// <summary>What a forwarding thread works with. Made before it starts, used over and over.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    /// <summary>Makes it.</summary>
    /// <param name="burst">The most frames of one turn of a stream.</param>
    /// <param name="retry">What to do when a transmit queue is full.</param>
    /// <param name="log">Takes what is printed of received frames; null where nothing is.</param>
    public Workspace(int burst, RetryPolicy retry, FrameLog? log)
    {
        BurstSize = burst;
        Log = log;
        Transmitter = new Transmitter(burst, retry);
        Selection = (ushort*)NativeMemory.AlignedAlloc(Burst.MaxFrames * sizeof(ushort), 64);
    }

    /// <summary>The most frames of one turn of a stream: <c>--burst</c>.</summary>
    public int BurstSize { get; }

    /// <summary>The frames on loan from the stream's receive queue.</summary>
    public Burst Loan { get; } = new();

    /// <summary>Whole copies of frames, for modes that change more than addresses.</summary>
    public FrameCopies Copies { get; } = new();

    /// <summary>Sends.</summary>
    public Transmitter Transmitter { get; }

    /// <summary>Takes what is printed of received frames; null where nothing is.</summary>
    public FrameLog? Log { get; }

    /// <summary>The positions of the frames of <see cref="Loan"/> that are good.</summary>
    public ushort* Selection { get; private set; }

    /// <summary>How many positions there are.</summary>
    public int Selected { get; private set; }

    /// <summary>True where something is left to be done to one of the frames on loan.</summary>
    public bool Unfinished { get; private set; }

    /// <summary>
    /// Takes a burst from a stream's receive queue and counts it. <see cref="InputQueue.Return"/> must follow where there are frames.
    /// </summary>
    /// <param name="stream">The stream.</param>
    /// <param name="input">Its receive queue.</param>
    /// <returns>How many frames there are, the bad ones included.</returns>
    public int Receive(FrameStream stream, InputQueue input)
    {
        input.Receive(Loan);
        int count = Loan.Count;
        if (count == 0) return 0;
        ulong bytes = 0;
        int work = 0, selected = 0;
        for (int i = 0; i < count; i++)
        {
            var frame = Loan.Frames + i;
            bytes += frame->Length;
            work |= frame->Offload.Flags | frame->Offload.GsoType;
            Selection[selected] = (ushort)i;
            if (frame->Output == Frame.Undecided) selected++;
            else input.Counters->Drop((DropReason)(byte)frame->Output);
        }
        Selected = selected;
        Unfinished = work != 0;
        input.Counters->Frames += (uint)count;
        input.Counters->Bytes += bytes;
        input.Counters->Bursts++;
        stream.Counters.Received += (uint)selected;
        Log?.Note(stream, this);
        return count;
    }

    /// <summary>Takes a burst and forgets it, without a count: what arrived before the start.</summary>
    /// <param name="input">The receive queue.</param>
    /// <returns>How many frames there were.</returns>
    public int Flush(InputQueue input)
    {
        input.Receive(Loan);
        int count = Loan.Count;
        if (count > 0) input.Return(Loan);
        return count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Loan.Dispose();
        Copies.Dispose();
        Transmitter.Dispose();
        NativeMemory.AlignedFree(Selection);
        Selection = null;
    }
}
