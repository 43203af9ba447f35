using System.Runtime.Intrinsics;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

/// <summary>
/// A burst whose frames lie in memory that nobody reads behind its end unnoticed, in as many pieces as wanted. Their first 16 bytes are in the
/// snapshot alone: what lies in the sender's memory there is wrong.
/// </summary>
internal sealed unsafe class LentFrames : IDisposable
{
    private const int PieceLength = 70_000;

    private readonly List<GuardedMemory> _memory = [];
    private int _segments;
    private int _pieces;

    public Burst Burst { get; } = new();

    public void Clear()
    {
        Burst.Count = 0;
        _segments = _pieces = 0;
    }

    /// <param name="cuts">Where the frame is cut into pieces, ascending.</param>
    public void Add(byte[] bytes, OffloadFields offload = default, params int[] cuts)
    {
        byte[] inMemory = [.. Enumerable.Repeat((byte)0xee, Math.Min(16, bytes.Length)), .. bytes.AsSpan(Math.Min(16, bytes.Length))];
        int[] ends = [.. cuts.Where(c => c > 0 && c < bytes.Length).Distinct().Order(), bytes.Length];
        var frame = Burst.Frames + Burst.Count++;
        byte[] snapshot = [.. bytes.Take(16), .. new byte[16 - Math.Min(16, bytes.Length)]];
        *frame = new Frame { Length = (uint)bytes.Length, DataLength = (uint)ends[0], Offload = offload };
        frame->Snapshot = Vector128.Create<byte>(snapshot);
        frame->Data = Put(inMemory.AsSpan(0, ends[0]));
        frame->FirstSegment = (ushort)++_segments;
        frame->MoreSegments = (ushort)(ends.Length - 1);
        for (int i = 1; i < ends.Length; i++)
        {
            var piece = inMemory.AsSpan(ends[i - 1], ends[i] - ends[i - 1]);
            Burst.Segments[_segments++] = new Segment { Data = Put(piece), Length = (uint)piece.Length };
        }
    }

    /// <summary>The bytes of a frame of any burst, as an output would send them.</summary>
    public static byte[] Bytes(Burst burst, int i)
    {
        byte[] bytes = new byte[burst.Frames[i].Length];
        fixed (byte* to = bytes)
            FrameBytes.Copy(burst, burst.Frames + i, to);
        return bytes;
    }

    public void Dispose()
    {
        _memory.ForEach(m => m.Dispose());
        Burst.Dispose();
    }

    private byte* Put(ReadOnlySpan<byte> bytes)
    {
        if (_pieces == _memory.Count) _memory.Add(new GuardedMemory(PieceLength));
        return _memory[_pieces++].Put(bytes);
    }
}
