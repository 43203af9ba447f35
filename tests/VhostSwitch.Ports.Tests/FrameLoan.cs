using System.Runtime.InteropServices;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Ports.Tests;

/// <summary>A burst of given frames, as an input would lend it.</summary>
internal sealed unsafe class FrameLoan : IDisposable
{
    private readonly List<nint> _memory = [];

    public FrameLoan(params IReadOnlyList<byte[]> frames)
    {
        Burst.Count = frames.Count;
        for (int i = 0; i < frames.Count; i++)
        {
            byte[] bytes = frames[i];
            byte* data = (byte*)NativeMemory.Alloc((nuint)bytes.Length + 16);
            _memory.Add((nint)data);
            bytes.CopyTo(new Span<byte>(data, bytes.Length));
            Burst.Frames[i] = new Frame
            {
                Data = data,
                DataLength = (uint)bytes.Length,
                Length = (uint)bytes.Length,
                Snapshot = Snapshots.Of(data, (uint)bytes.Length),
                Output = Frame.Undecided,
            };
        }
    }

    public Burst Burst { get; } = new();

    /// <summary>Has an output send all of them.</summary>
    /// <returns>How many it dealt with.</returns>
    public int SendBy(OutputQueue output)
    {
        ushort* which = stackalloc ushort[Burst.MaxFrames];
        for (int i = 0; i < Burst.Count; i++)
            which[i] = (ushort)i;
        return output.Send(Burst, which, Burst.Count);
    }

    /// <summary>The bytes of a lent frame that lies in one piece.</summary>
    public static byte[] Bytes(Burst burst, int i)
    {
        Assert.Equal(burst.Frames[i].Length, burst.Frames[i].DataLength);
        return new Span<byte>(burst.Frames[i].Data, (int)burst.Frames[i].Length).ToArray();
    }

    public void Dispose()
    {
        foreach (nint memory in _memory)
            NativeMemory.Free((void*)memory);
        Burst.Dispose();
    }
}
