using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace VhostSwitch.Vhost.Net;

/// <summary>Asks for cache lines before they are needed. Only ever makes something faster.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Asks for a line that will be read.</summary>
    /// <param name="at">Any byte of it.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void ForReading(byte* at)
    {
        if (Sse.IsSupported) Sse.Prefetch0(at);
    }
}
