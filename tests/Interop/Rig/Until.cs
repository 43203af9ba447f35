using System.Diagnostics;

namespace VhostSwitch.Interop.Rig;

/// <summary>Waits for a condition, never for a time.</summary>
internal static class Until
{
    /// <summary>Short beside everything that is waited for, long beside what a look costs.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Looks until <paramref name="condition"/> holds.</summary>
    /// <param name="what">What is awaited, for the message: "the socket x exists".</param>
    /// <param name="detail">What was seen last, for the message.</param>
    /// <exception cref="TimeoutException">It did not hold within <paramref name="limit"/>.</exception>
    public static async Task TrueAsync(Func<ValueTask<bool>> condition, TimeSpan limit, string what, Func<string>? detail = null)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > limit)
                throw new TimeoutException($"not within {limit.TotalSeconds} s: {what}{(detail is null ? "" : "\n" + detail())}");
            await Task.Delay(Pause);
        }
    }

    /// <inheritdoc cref="TrueAsync(Func{ValueTask{bool}}, TimeSpan, string, Func{string}?)"/>
    public static Task TrueAsync(Func<bool> condition, TimeSpan limit, string what, Func<string>? detail = null) =>
        TrueAsync(() => ValueTask.FromResult(condition()), limit, what, detail);
}
