using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Vhost.Net;

namespace VhostSwitch.Bench.Micro;

// Ways to copy a frame that were tried in place of the switch's own.

/// <summary>The runtime's routine for every length.</summary>
internal readonly unsafe struct RuntimeCopy : IFrameCopy
{
    public static void Copy(byte* to, byte* from, uint length) => Buffer.MemoryCopy(from, to, length, length);
}

/// <summary>Blocks of 64 bytes in one register each, the last one overlapping the one before.</summary>
internal readonly unsafe struct WideCopy : IFrameCopy
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(byte* to, byte* from, uint length)
    {
        if (length < 64) VectorCopy.Copy(to, from, length);
        else CopyBlocks(to, from, length);
    }

    private static void CopyBlocks(byte* to, byte* from, uint length)
    {
        var last = Vector512.Load(from + length - 64);
        for (uint at = 0; at < length - 64; at += 64)
            Vector512.Load(from + at).Store(to + at);
        last.Store(to + length - 64);
    }
}

/// <summary>A byte at a time: what the others are worth.</summary>
internal readonly unsafe struct ByteCopy : IFrameCopy
{
    public static void Copy(byte* to, byte* from, uint length)
    {
        for (uint i = 0; i < length; i++)
            to[i] = from[i];
    }
}
