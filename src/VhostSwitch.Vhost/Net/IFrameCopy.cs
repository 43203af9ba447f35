using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace VhostSwitch.Vhost.Net;

/// <summary>How bytes get from one guest's memory to another's. A type argument of the data path, so that it is compiled in.</summary>
public unsafe interface IFrameCopy
{
    /// <summary>Copies bytes that do not overlap. Reads and writes nothing beyond them.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="from">Where from; may change while it is read.</param>
    /// <param name="length">How many bytes; may be 0.</param>
    static abstract void Copy(byte* to, byte* from, uint length);
}

/// <summary>The copy of the switch: short lengths by overlapping vectors, long ones by the runtime's own routine.</summary>
public readonly unsafe struct VectorCopy : IFrameCopy
{
    // Up to here two or four vectors are as fast as anything; the runtime's routine costs a call but wins from some 100 bytes up.
    private const uint MaxByVectors = 128;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(byte* to, byte* from, uint length)
    {
        if (length is >= 32 and <= 64)
        {
            // The remainder of a 64-byte frame: by far the most frequent length where the rate matters.
            var head = Vector256.Load(from);
            var tail = Vector256.Load(from + length - 32);
            head.Store(to);
            tail.Store(to + length - 32);
            return;
        }
        CopyOther(to, from, length);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CopyOther(byte* to, byte* from, uint length)
    {
        switch (length)
        {
            case > MaxByVectors:
                Buffer.MemoryCopy(from, to, length, length);
                return;
            case > 64:
                var a = Vector256.Load(from);
                var b = Vector256.Load(from + 32);
                var c = Vector256.Load(from + length - 64);
                var d = Vector256.Load(from + length - 32);
                a.Store(to);
                b.Store(to + 32);
                c.Store(to + length - 64);
                d.Store(to + length - 32);
                return;
            case >= 16:
                var head = Vector128.Load(from);
                var tail = Vector128.Load(from + length - 16);
                head.Store(to);
                tail.Store(to + length - 16);
                return;
            default:
                for (uint i = 0; i < length; i++)
                    to[i] = from[i];
                return;
        }
    }
}
