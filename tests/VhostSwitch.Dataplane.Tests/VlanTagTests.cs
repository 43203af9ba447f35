using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace VhostSwitch.Dataplane.Tests;

/// <summary>Tags in frames on loan, however the frame lies in its sender's memory.</summary>
public sealed unsafe class VlanTagTests : IDisposable
{
    private const ushort Tci = 0x63e9;

    private readonly Burst _burst = new();
    private readonly byte* _memory = (byte*)NativeMemory.AllocZeroed(4096);

    /// <summary>The length of a frame and where it is cut into segments.</summary>
    public static TheoryData<int, int[]> Layouts => new()
    {
        { 14, [] }, { 15, [] }, { 16, [] }, { 17, [] }, { 18, [] }, { 60, [] }, { 1514, [] },
        { 60, [16] }, { 60, [17] }, { 60, [19] }, { 60, [20] }, { 60, [40] }, { 60, [5] }, { 60, [5, 9, 18] }, { 60, [14, 30] }, { 60, [1, 2, 3, 59] },
        { 16, [14] }, { 14, [6] },
    };

    public void Dispose()
    {
        _burst.Dispose();
        NativeMemory.Free(_memory);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void IsPutIn(int length, int[] cuts)
    {
        byte[] frame = Lend(length, cuts, tagged: false);
        VlanTag.Push(_burst, 0, Tci);
        Assert.Equal([.. frame[..12], 0x81, 0x00, 0x63, 0xe9, .. frame[12..]], Bytes());
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void IsTakenOut(int length, int[] cuts)
    {
        byte[] frame = Lend(length + VlanTag.Length, cuts, tagged: true);
        VlanTag.Pop(_burst, 0);
        Assert.Equal([.. frame[..12], .. frame[16..]], Bytes());
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void PutInAndTakenOutLeavesTheFrame(int length, int[] cuts)
    {
        byte[] frame = Lend(length, cuts, tagged: false);
        VlanTag.Push(_burst, 0, Tci);
        VlanTag.Pop(_burst, 0);
        Assert.Equal(frame, Bytes());
    }

    /// <summary>What was decided on is what is sent: the type behind the addresses comes from the snapshot.</summary>
    [Fact]
    public void TheSenderCannotChangeWhatTheTagDisplaces()
    {
        byte[] frame = Lend(60, [], tagged: false);
        VlanTag.Push(_burst, 0, Tci);
        _memory[12] = 0x81;
        _memory[13] = 0x00;
        Assert.Equal(frame[12..14], Bytes()[16..18]);
    }

    [Fact]
    public void IsChanged()
    {
        byte[] frame = Lend(60, [], tagged: true);
        VlanTag.Set(_burst.Frames, Tci);
        Assert.Equal([.. frame[..14], 0x63, 0xe9, .. frame[16..]], Bytes());
    }

    [Fact]
    public void MovesTheChecksumWithTheBytes()
    {
        Lend(60, [], tagged: false);
        _burst.Frames[0].Offload = new OffloadFields { Flags = 1, CsumStart = 34, CsumOffset = 16, GsoType = 1, HdrLen = 54, GsoSize = 1000 };
        VlanTag.Push(_burst, 0, Tci);
        var offload = _burst.Frames[0].Offload;
        Assert.Equal((38, 16, 58), (offload.CsumStart, offload.CsumOffset, offload.HdrLen));
    }

    // A frame in the sender's memory, its segments apart from each other, as an input queue lends it.
    private byte[] Lend(int length, int[] cuts, bool tagged)
    {
        var bytes = new byte[length];
        for (int i = 0; i < length; i++)
            bytes[i] = (byte)(i + 1);
        (bytes[12], bytes[13]) = tagged ? ((byte)0x81, (byte)0) : ((byte)8, (byte)0);
        int[] ends = [.. cuts.Where(cut => cut < length), length];
        byte* at = _memory;
        int start = 0;
        const int FirstPlace = 3;
        for (int i = 0; i < ends.Length; i++)
        {
            int count = ends[i] - start;
            bytes.AsSpan(start, count).CopyTo(new Span<byte>(at, count));
            _burst.Segments[FirstPlace + i] = new Segment { Data = at, Length = (uint)count };
            at += count + 7;
            start = ends[i];
        }
        var snapshot = new byte[16];
        bytes.AsSpan(0, Math.Min(length, 16)).CopyTo(snapshot);
        _burst.Count = 1;
        _burst.Frames[0] = new Frame
        {
            Snapshot = Vector128.Create(snapshot),
            Data = _burst.Segments[FirstPlace].Data,
            DataLength = _burst.Segments[FirstPlace].Length,
            Length = (uint)length,
            FirstSegment = FirstPlace + 1,
            MoreSegments = (ushort)(ends.Length - 1),
        };
        return bytes;
    }

    // By copying and by listing the pieces: both must agree.
    private byte[] Bytes()
    {
        var frame = _burst.Frames;
        var bytes = new byte[frame->Length];
        fixed (byte* to = bytes)
            FrameBytes.Copy(_burst, frame, to);
        var pieces = stackalloc Segment[16];
        int count = FrameBytes.Pieces(_burst, frame, pieces, 16);
        var gathered = new List<byte>();
        for (int i = 0; i < count; i++)
            gathered.AddRange(new ReadOnlySpan<byte>(pieces[i].Data, (int)pieces[i].Length));
        Assert.Equal(bytes, gathered);
        return bytes;
    }
}
