using System.Globalization;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>A loop in C that only reads the clock: which pauses the machine makes, whatever runs on it.</summary>
internal sealed class SpinLoop
{
    private readonly string _program;

    private SpinLoop(string program) => _program = program;

    /// <summary>Compiles it.</summary>
    public static async Task<SpinLoop> CompileAsync(TestFolder folder)
    {
        string program = folder.File("spin");
        await ChildProcess.RunAsync("gcc", "gcc", ["-O2", "-o", program, Path.Combine(AppContext.BaseDirectory, "spin.c")], Limits.Step);
        return new SpinLoop(program);
    }

    /// <summary>Runs it.</summary>
    /// <param name="core">Where.</param>
    /// <param name="time">How long.</param>
    /// <param name="limitUs">Which pauses count, in microseconds.</param>
    /// <returns>How many there were, and the longest in microseconds.</returns>
    public async Task<(int Over, double LongestUs)> RunAsync(int core, TimeSpan time, int limitUs)
    {
        string[] arguments = [$"{core}", time.TotalSeconds.ToString(CultureInfo.InvariantCulture), $"{limitUs}"];
        string[] words = (await ChildProcess.RunAsync("spin", _program, arguments, time + Limits.Step)).Split(' ');
        return (int.Parse(words[0], CultureInfo.InvariantCulture), double.Parse(words[1], CultureInfo.InvariantCulture));
    }
}
