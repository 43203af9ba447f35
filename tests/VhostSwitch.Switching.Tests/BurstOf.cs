using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching.Tests;

/// <summary>A burst of undecided frames, each known by its snapshot alone.</summary>
internal sealed unsafe class BurstOf : IDisposable
{
    private const int Length = 60;

    private readonly byte* _memory;

    public BurstOf(params ReadOnlySpan<(MacAddress To, MacAddress From, int Vlan)> frames)
    {
        Burst = new Burst { Count = frames.Length, Routes = new FrameRoutes() };
        _memory = (byte*)NativeMemory.AllocZeroed((nuint)(frames.Length * Length));
        for (int i = 0; i < frames.Length; i++)
        {
            byte* data = _memory + (i * Length);
            var snapshot = Snapshot(frames[i]);
            snapshot.Store(data);
            for (int k = 16; k < Length; k++)
                data[k] = (byte)k;
            Burst.Frames[i] = new Frame { Snapshot = snapshot, Output = Frame.Undecided, Data = data, DataLength = Length, Length = Length };
        }
    }

    /// <summary>A frame as an output would write it.</summary>
    public byte[] Bytes(int i)
    {
        var bytes = new byte[Burst.Frames[i].Length];
        fixed (byte* to = bytes)
            FrameBytes.Copy(Burst, Burst.Frames + i, to);
        return bytes;
    }

    public Burst Burst { get; }

    public ushort Output(int i) => Burst.Frames[i].Output;

    public void Set(int i, ushort output) => Burst.Frames[i].Output = output;

    public void Dispose()
    {
        Burst.Dispose();
        NativeMemory.Free(_memory);
    }

    private static Vector128<byte> Snapshot((MacAddress To, MacAddress From, int Vlan) frame)
    {
        Span<byte> bytes = stackalloc byte[16];
        for (int i = 0; i < 6; i++)
        {
            bytes[i] = (byte)(frame.To.Value >> (8 * i));
            bytes[6 + i] = (byte)(frame.From.Value >> (8 * i));
        }
        if (frame.Vlan != 0)
        {
            bytes[12] = 0x81;
            bytes[14] = (byte)(frame.Vlan >> 8);
            bytes[15] = (byte)frame.Vlan;
        }
        else bytes[12] = 0x08;
        return Vector128.Create<byte>(bytes);
    }
}
