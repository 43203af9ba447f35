using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using VhostSwitch.Fuzz;

var target = new Option<string[]>("--target") { Description = $"What to fuzz: {string.Join(", ", FuzzTargets.Names)}. All by default, side by side.", AllowMultipleArgumentsPerToken = true };
target.AcceptOnlyFromAmong([.. FuzzTargets.Names]);
var seconds = new Option<double>("--seconds") { Description = "How long, in seconds.", DefaultValueFactory = _ => 60 };
var seed = new Option<int?>("--seed") { Description = "The seed of the mutations; another one each time by default. It is printed." };
var corpus = new Option<DirectoryInfo>("--corpus") { Description = "Where inputs are kept that reached something new.", DefaultValueFactory = _ => new DirectoryInfo("fuzz/corpus") };
var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
var input = new Argument<string>("input") { Description = "An input in base 64, as a finding shows it." };
var which = new Argument<string>("target") { Description = "Its target." };
which.AcceptOnlyFromAmong([.. FuzzTargets.Names]);

// The instrumented copy of this program is called so; it says what it does on its output, a line of JSON at a time.
var child = new Command("child") { Hidden = true };
var blocks = new Option<int>("--blocks");
var lastInput = new Option<string>("--last-input") { DefaultValueFactory = _ => "" };
child.Add(target);
child.Add(seconds);
child.Add(seed);
child.Add(corpus);
child.Add(blocks);
child.Add(lastInput);
child.SetAction(r =>
{
    void Say(FuzzReport report) => Console.WriteLine(JsonSerializer.Serialize(report));
    Say(Fuzzer.Run(r.GetValue(target)![0], r.GetValue(corpus)!.FullName, TimeSpan.FromSeconds(r.GetValue(seconds)), r.GetValue(seed)!.Value, r.GetValue(lastInput)!, r.GetValue(blocks), Say));
    return 0;
});

var repeat = new Command("repeat", "Runs one input again, to see what it does.") { which, input };
repeat.SetAction(r =>
{
    using var again = FuzzTargets.Make(r.GetValue(which)!);
    again.Run(Convert.FromBase64String(r.GetValue(input)!));
    Console.WriteLine("nothing found");
    return 0;
});

var root = new RootCommand("Gives arbitrary messages and rings to the vhost library and looks for what must never happen: exceptions, bytes written outside a guest's memory, frames that are not the guest's, descriptors left open, inputs that take for ever. Guided by the code that inputs reach.")
{
    target, seconds, seed, corpus, json, repeat, child,
};
root.SetAction(async r =>
{
    string[] names = r.GetValue(target) is { Length: > 0 } chosen ? chosen : [.. FuzzTargets.Names];
    int number = r.GetValue(seed) ?? Random.Shared.Next();
    var reports = await InstrumentedRun.RunAsync(names, r.GetValue(corpus)!.FullName, TimeSpan.FromSeconds(r.GetValue(seconds)), number);
    if (r.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(new { Seed = number, Targets = reports }, JsonSerializerOptions.Web));
    foreach (var report in r.GetValue(json) ? [] : reports)
    {
        Console.WriteLine($"{report.Target}: {report.Inputs} inputs, {report.Blocks} of {report.AllBlocks} blocks reached, {report.Kept} inputs kept; seed {number}: {report.Finding ?? "nothing found"}");
        if (report.Finding is not null) Console.WriteLine($"  again: fuzz.sh repeat {report.Target} {report.Input}");
    }
    return reports.Any(p => p.Finding is not null) ? 1 : 0;
});
return await root.Parse(args).InvokeAsync();

/// <summary>Runs targets in copies of this program whose assemblies count what is reached; a copy that dies takes nobody along.</summary>
internal static class InstrumentedRun
{
    public static async Task<FuzzReport[]> RunAsync(string[] targets, string corpus, TimeSpan time, int seed)
    {
        var folder = Directory.CreateTempSubdirectory("vhost-fuzz-");
        try
        {
            foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory))
                File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
            int blocks = Instrumenter.Rewrite(folder.FullName);
            return await Task.WhenAll(targets.Select(t => RunAsync(folder.FullName, t, corpus, time, seed, blocks)));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<FuzzReport> RunAsync(string folder, string target, string corpus, TimeSpan time, int seed, int blocks)
    {
        string last = Path.Combine(folder, target + ".last");
        var start = new ProcessStartInfo(Path.Combine(folder, "Fuzz"),
            ["child", "--target", target, "--seconds", FormattableString.Invariant($"{time.TotalSeconds}"), "--seed", $"{seed}", "--corpus", corpus, "--blocks", $"{blocks}", "--last-input", last])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var report = new FuzzReport(target, 0, 0, 0, blocks);
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            report = JsonSerializer.Deserialize<FuzzReport>(line)!;
            await Console.Error.WriteLineAsync($"{target}: {report.Inputs} inputs, {report.Blocks} blocks, {report.Kept} kept");
        }
        await process.WaitForExitAsync();
        if (process.ExitCode == 0) return report;
        return report with { Finding = $"the process ended with {process.ExitCode}: {await error}", Input = Convert.ToBase64String(Fuzzer.LastInput(last)) };
    }
}
