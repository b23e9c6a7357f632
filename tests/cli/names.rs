//! Names of files that are no Unicode: any bytes but a slash, as Unix has them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;

use super::program::Ran;
use super::*;

/// A place on the desk.
fn odd(desk: &Desk, name: &[u8]) -> PathBuf {
    desk.path(".").join(OsStr::from_bytes(name))
}

fn run(command: &mut Command) -> Ran {
    Ran::new("", command.output().unwrap())
}

#[test]
fn inputs_models_and_outputs_may_have_any_name() {
    let desk = Desk::new();
    let (photo, model) = (odd(&desk, b"caf\xe9 '\\%.jpg"), odd(&desk, b"m\xff"));
    let (json, npy) = (odd(&desk, b"o\xfe.json"), odd(&desk, b"o\xfe.npy"));
    fs::copy("assets/samples/cat.jpg", &photo).unwrap();
    fs::create_dir(&model).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(format!("tests/fixtures/models/vit/{name}"), model.join(name)).unwrap();
    }
    run(desk
        .command("explain")
        .arg(&photo)
        .arg("--model")
        .arg(&model)
        .args(["--token", "2,2"])
        .arg("--out")
        .arg(&json)
        .arg("--out")
        .arg(&npy))
    .done();
    let record: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let escaped = |value: &Value| value["escaped"].as_str().unwrap().to_owned();
    assert!(escaped(&record["request"]["input"]["file"]).ends_with(r"caf\xe9 '\\%.jpg"), "{record}");
    assert!(escaped(&record["request"]["model"]).ends_with(r"m\xff") && escaped(&record["model"]["folder"]).ends_with(r"m\xff"));
    let request: tokenscope::domain::request::Request = serde_json::from_value(record["request"].clone()).unwrap();
    assert_eq!((request.input.path(), request.model.path()), (Some(photo.as_path()), Some(model.as_path())));
    let first = [fs::read(&json).unwrap(), fs::read(&npy).unwrap()];
    [&json, &npy].iter().for_each(|path| fs::remove_file(path).unwrap());
    desk.shell(record["command"].as_str().unwrap()).done();
    assert_eq!([fs::read(&json).unwrap(), fs::read(&npy).unwrap()], first);

    let trace = odd(&desk, b"t\xff.safetensors");
    run(desk.command("trace").arg(&photo).arg("--model").arg(&model).arg("--out").arg(&trace)).done();
    assert!(trace.is_file());
    // Two names that look alike are two files.
    let other = odd(&desk, b"caf\xe8 '\\%.jpg");
    fs::copy("assets/samples/brick.jpg", &other).unwrap();
    run(desk
        .command("explain")
        .arg(&photo)
        .arg("--model")
        .arg(&model)
        .arg("--out")
        .arg(&other)
        .arg("--out")
        .arg(odd(&desk, b"caf\xe7.png")))
    .refused(&["unknown extension .jpg"]);
}

#[test]
fn a_flag_that_takes_only_utf_8_names_the_file() {
    let desk = Desk::new();
    let basis = odd(&desk, b"b\xff.safetensors");
    let ran = run(desk.command("explain cat.jpg --model %vit --method feature-pca --basis").arg(basis));
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("b\u{fffd}.safetensors") && ran.stderr.contains("rename the file"), "{ran:?}");
}

#[test]
fn a_data_set_may_lie_anywhere() {
    let desk = Desk::new();
    let (data, out) = (odd(&desk, b"d\xff"), odd(&desk, b"e\xff"));
    for folder in ["images", "masks"] {
        fs::create_dir_all(data.join(folder)).unwrap();
    }
    for (n, sample) in ["cat", "brick"].iter().enumerate() {
        fs::copy(format!("assets/samples/{sample}.jpg"), data.join(format!("images/{n}.jpg"))).unwrap();
        let size = image::image_dimensions(format!("assets/samples/{sample}.jpg")).unwrap();
        let mask = image::GrayImage::from_fn(size.0, size.1, |x, y| image::Luma([u8::from(x > y)]));
        mask.save(data.join(format!("masks/{n}.png"))).unwrap();
    }
    let evaluate = |out: &PathBuf| {
        let mut command = desk.command("evaluate segments --model %vit --method kmeans --clusters 3 --out");
        run(command.arg(out).arg(&data)).done()
    };
    let first = evaluate(&out);
    let settings: Value = serde_json::from_slice(&fs::read(out.join("settings.json")).unwrap()).unwrap();
    assert!(settings["data"]["images"]["escaped"].as_str().unwrap().ends_with(r"d\xff"), "{settings}");
    assert_eq!(evaluate(&out).stdout, first.stdout, "the settings are read back");
}
