using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Testpmd.Forwarding;

/// <summary>
/// Whole copies of the frames of a burst, each in one piece, that may be read and changed at will. Belongs to one forwarding thread.
/// </summary>
internal sealed unsafe class FrameCopies : IDisposable
{
    // Frames begin at cache lines.
    private const uint Alignment = 64;

    // What Ethernet's shortest frame has, so that every header of interest can be read without a look at the length first.
    private const uint LeastRoom = 64;

    private const uint LongestFrame = Ethernet.MaxFrameLength + VlanTag.Length;

    // Room for a burst of the longest frames; what is not used is never touched.
    private readonly byte* _room = (byte*)NativeMemory.AlignedAlloc(Burst.MaxFrames * (LongestFrame + Alignment), Alignment);
    private readonly ushort* _everything = (ushort*)NativeMemory.AlignedAlloc(Burst.MaxFrames * sizeof(ushort), Alignment);
    private uint _used;

    /// <summary>Makes it, empty.</summary>
    public FrameCopies()
    {
        for (int i = 0; i < Burst.MaxFrames; i++)
            _everything[i] = (ushort)i;
    }

    /// <summary>The copies.</summary>
    public Burst Burst { get; } = new();

    /// <summary>The positions 0, 1, 2, …: all copies in order.</summary>
    public ushort* Everything => _everything;

    /// <summary>Forgets all copies.</summary>
    public void Clear()
    {
        Burst.Count = 0;
        _used = 0;
    }

    /// <summary>Copies a frame.</summary>
    /// <param name="loan">The loan it is from.</param>
    /// <param name="frame">The frame; no longer than <see cref="Ethernet.MaxFrameLength"/> and a tag, which its port sees to.</param>
    /// <returns>The copy. At least 64 bytes can be read at its data; those behind a shorter frame are zeros.</returns>
    public Frame* Add(Burst loan, Frame* frame)
    {
        var copy = Burst.Frames + Burst.Count++;
        byte* data = _room + _used;
        uint length = Math.Min(frame->Length, LongestFrame);
        _used += (Math.Max(length, LeastRoom) + Alignment - 1) & ~(Alignment - 1);
        if (length < LeastRoom) NativeMemory.Clear(data, LeastRoom);
        FrameBytes.Copy(loan, frame, data);
        *copy = default;
        copy->Data = data;
        copy->DataLength = copy->Length = length;
        copy->Offload = frame->Offload;
        copy->Output = Frame.Undecided;
        return copy;
    }

    /// <summary>Forgets the copy that was made last.</summary>
    public void RemoveLast() => Burst.Count--;

    /// <summary>Takes over what was changed in a copy: its first bytes are those of the snapshot.</summary>
    /// <param name="copy">The copy.</param>
    public static void Finish(Frame* copy) => copy->Snapshot = Vector128.Load(copy->Data);

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_room);
        NativeMemory.AlignedFree(_everything);
        Burst.Dispose();
    }
}
